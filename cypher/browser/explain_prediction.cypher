// Why a predicted link may hold: the facts that its two ends have in common.
// Params: $graph, $entity (id or name of one end), $limit (e.g. 50)
// Returns: head, relation, tail, confidence, shared (relation and entity that both have)
MATCH (e:Entity {graph: $graph})
WHERE e.id = $entity OR e.name = $entity
MATCH (e)-[p:PREDICTED]-(:Entity)
WITH DISTINCT p, startNode(p) AS h, endNode(p) AS t
OPTIONAL MATCH (h)-[a:!PREDICTED]->(common:Entity)<-[b:!PREDICTED]-(t)
WHERE type(a) = type(b)
WITH p, h, t, collect(DISTINCT type(a) + ' ' + common.name) AS shared
RETURN h.name AS head, p.relation AS relation, t.name AS tail, p.confidence AS confidence, shared
ORDER BY confidence DESC
LIMIT $limit
