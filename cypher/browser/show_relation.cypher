// One relation up to two steps around an entity, asserted and predicted, drawn as a graph.
// Params: $graph, $entity (id or name), $relation (e.g. BORDERS), $limit (e.g. 300)
// Returns: head, link, tail
MATCH (e:Entity {graph: $graph})
WHERE e.id = $entity OR e.name = $entity
MATCH (e) (()-[r WHERE CASE WHEN r:PREDICTED THEN r.relation ELSE type(r) END = $relation]-()){1,2}
      (near:Entity)
WITH collect(DISTINCT e) + collect(DISTINCT near) AS nodes
UNWIND nodes AS head
MATCH (head)-[link]->(tail:Entity)
WHERE tail IN nodes
  AND CASE WHEN link:PREDICTED THEN link.relation ELSE type(link) END = $relation
RETURN DISTINCT head, link, tail
LIMIT toInteger($limit)
