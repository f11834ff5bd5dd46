// One entity with all that is asserted of it, drawn as a graph.
// Params: $graph, $entity (id or name), $limit (e.g. 100)
// Returns: entity, fact, other
MATCH (e:Entity {graph: $graph})
WHERE e.id = $entity OR e.name = $entity
MATCH (e)-[fact:!PREDICTED]-(other:Entity)
RETURN e AS entity, fact, other
LIMIT toInteger($limit)
