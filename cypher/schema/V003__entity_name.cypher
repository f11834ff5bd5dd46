// Entities by what people call them.
// Params: none
// Returns: nothing
CREATE INDEX entity_name IF NOT EXISTS
FOR (e:Entity) ON (e.graph, e.name)
