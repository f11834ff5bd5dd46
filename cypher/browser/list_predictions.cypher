// The predicted links of a graph, the most confident first; none of them is asserted yet.
// Params: $graph, $limit (e.g. 50)
// Returns: head, relation, tail, confidence, score, run
MATCH (h:Entity {graph: $graph})-[p:PREDICTED]->(t:Entity)
RETURN h.name AS head, p.relation AS relation, t.name AS tail,
       p.confidence AS confidence, p.score AS score, p.run AS run
ORDER BY confidence DESC, score DESC
LIMIT toInteger($limit)
