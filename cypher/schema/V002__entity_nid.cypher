// Dense numbers inside a graph, by which exports are cut into ranges.
// Params: none
// Returns: nothing
CREATE INDEX entity_nid IF NOT EXISTS
FOR (e:Entity) ON (e.graph, e.nid)
