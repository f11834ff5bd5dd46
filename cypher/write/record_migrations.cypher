// Note that schema changes were applied.
// Params: $changes (of each: version, name, checksum)
// Returns: nothing
UNWIND $changes AS change
MERGE (m:SchemaMigration {version: change.version})
ON CREATE SET m.name = change.name, m.checksum = change.checksum, m.applied = datetime()
