// Remove all versions of a projection.
// Params: $name
// Returns: removed
MATCH (p:Projection {name: $name})
WITH collect(p) AS versions
FOREACH (p IN versions | DELETE p)
RETURN size(versions) AS removed
