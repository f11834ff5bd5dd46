// Note that a schema change was applied, once however many apply it together.
// Params: $version, $name, $checksum
// Returns: nothing
// No constraint keeps these records single: the key of V001, which is applied by then, makes
// those who record together wait for one another. No graph's name is empty.
MERGE (turn:Entity {graph: '', id: 'schema'})
WITH turn
MERGE (m:SchemaMigration {version: $version})
ON CREATE SET m.name = $name, m.checksum = $checksum, m.applied = datetime()
DELETE turn
