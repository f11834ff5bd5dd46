// What ends of candidates are called, whether the graph has them or texts alone name them.
// Params: $graph, $ids
// Returns: id, name (or null)
UNWIND $ids AS id
MATCH (e:Entity|NewEntity {graph: $graph, id: id})
RETURN e.id AS id, e.name AS name
