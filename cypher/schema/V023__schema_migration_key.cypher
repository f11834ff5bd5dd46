// One record a schema change, however many processes make it at once.
// Params: none
// Returns: nothing
CREATE CONSTRAINT schema_migration_key IF NOT EXISTS
FOR (m:SchemaMigration) REQUIRE m.version IS UNIQUE
