// Ids and names of a graph, to suggest what may have been meant.
// Params: $graph, $limit
// Returns: id, name
MATCH (e:Entity {graph: $graph})
RETURN e.id AS id, e.name AS name
LIMIT $limit
