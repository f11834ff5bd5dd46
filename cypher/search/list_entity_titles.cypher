// What entities of a graph are called.
// Params: $graph, $ids
// Returns: id, name (or null)
UNWIND $ids AS id
MATCH (e:Entity {graph: $graph, id: id})
RETURN e.id AS id, e.name AS name
