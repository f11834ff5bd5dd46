// Ids of a graph's entities of one label.
// Params: $graph; marks: label
// Returns: id
MATCH (e:Entity {graph: $graph})
WHERE e:$$label$$
RETURN e.id AS id
ORDER BY id
