// Entities that are meant by an id or a name.
// Params: $graph, $text
// Returns: id, name
MATCH (e:Entity {graph: $graph, id: $text})
RETURN e.id AS id, e.name AS name
UNION
MATCH (e:Entity {graph: $graph, name: $text})
RETURN e.id AS id, e.name AS name
