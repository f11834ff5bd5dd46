// The facts that texts state and that wait for a decision, the most doubtful first.
// Params: $graph, $limit (e.g. 50)
// Returns: id, head, relation, tail, probability, support (documents), reason, text
MATCH (c:Candidate {graph: $graph, status: 'staged'})
WITH c ORDER BY abs(c.confidence - 0.5), c.id
LIMIT toInteger($limit)
OPTIONAL MATCH (known_head:Entity {graph: $graph, id: c.head})
OPTIONAL MATCH (new_head:NewEntity {graph: $graph, id: c.head})
OPTIONAL MATCH (known_tail:Entity {graph: $graph, id: c.tail})
OPTIONAL MATCH (new_tail:NewEntity {graph: $graph, id: c.tail})
RETURN c.id AS id, coalesce(known_head.name, new_head.name, c.head) AS head,
       c.relation AS relation, coalesce(known_tail.name, new_tail.name, c.tail) AS tail,
       c.confidence AS probability, c.support AS support, c.reason AS reason,
       COLLECT {
         MATCH (c)-[e:EVIDENCE]->(k:Chunk)
         RETURN substring(k.text, e.start, e.end - e.start) AS text
         ORDER BY e.confidence DESC, text LIMIT 1
       }[0] AS text
ORDER BY abs(probability - 0.5), id
