// Keep a new version of a projection; an older one of that number makes it fail.
// Params: $name, $version, $definition
// Returns: version
CREATE (p:Projection {name: $name, version: $version, created: datetime()})
SET p += $definition
RETURN p.version AS version
