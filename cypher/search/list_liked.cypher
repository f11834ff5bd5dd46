// What an entity is joined to by facts of one relation that it is the head of; predicted links
// left out.
// Params: $graph, $id, $relation
// Returns: id, name (or null)
MATCH (e:Entity {graph: $graph, id: $id})-[r]->(item:Entity {graph: $graph})
WHERE type(r) = $relation
RETURN DISTINCT item.id AS id, item.name AS name
ORDER BY id
