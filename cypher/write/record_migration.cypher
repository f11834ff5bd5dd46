// Note that a schema change was applied.
// Params: $version, $name, $checksum
// Returns: nothing
MERGE (m:SchemaMigration {version: $version})
ON CREATE SET m.name = $name, m.checksum = $checksum, m.applied = datetime()
