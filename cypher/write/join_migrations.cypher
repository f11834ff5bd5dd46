// Leave one record of each schema change: before V023, processes that were first at once made several.
// Params: none
// Returns: nothing
MATCH (m:SchemaMigration)
WITH m.version AS version, collect(m) AS same
WHERE size(same) > 1
FOREACH (more IN tail(same) | DELETE more)
