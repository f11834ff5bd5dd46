// The schema changes that were applied to this database.
// Params: none
// Returns: version, checksum
MATCH (m:SchemaMigration)
RETURN m.version AS version, m.checksum AS checksum
ORDER BY version
