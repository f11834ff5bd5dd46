// Entities of a graph by their ids, those that are there.
// Params: $graph, $ids
// Returns: id, name
UNWIND $ids AS id
MATCH (e:Entity {graph: $graph, id: id})
RETURN e.id AS id, e.name AS name
