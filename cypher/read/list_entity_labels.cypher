// The labels of some entities of a graph.
// Params: $graph, $ids
// Returns: id, labels
UNWIND $ids AS id
MATCH (e:Entity {graph: $graph, id: id})
RETURN e.id AS id, labels(e) AS labels
