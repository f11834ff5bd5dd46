// Why a predicted link may hold: what lies between its two ends.
// Params: $graph, $entity (id or name of one end), $limit (e.g. 50)
// Returns: head, relation, tail, confidence, between (pairs of facts over one other entity,
//   the ten with the rarest one)
MATCH (e:Entity {graph: $graph})
WHERE e.id = $entity OR e.name = $entity
MATCH (e)-[p:PREDICTED]-(:Entity)
WITH DISTINCT p, startNode(p) AS h, endNode(p) AS t
ORDER BY p.confidence DESC
LIMIT toInteger($limit)
CALL (h, t) {
  MATCH (h)-[a:!PREDICTED]-(middle:Entity)-[b:!PREDICTED]-(t)
  WITH DISTINCT type(a) + ' ' + middle.name + ' ' + type(b) AS pair,
       COUNT { (middle)-[:!PREDICTED]-(:Entity) } AS facts
  ORDER BY facts, pair
  LIMIT 10
  RETURN collect(pair) AS between
}
RETURN h.name AS head, p.relation AS relation, t.name AS tail, p.confidence AS confidence, between
ORDER BY confidence DESC
