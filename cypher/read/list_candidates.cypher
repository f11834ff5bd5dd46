// Candidates of a status, the most doubtful first: those whose probability is nearest to one half.
// Params: $graph, $status, $entity (id or name of an end; null for any), $relation (null for any),
//   $limit
// Returns: id, head, relation, tail, head_name, tail_name, status, confidence, support, proposed,
//   decided, reason, text (a sentence that states it)
MATCH (c:Candidate {graph: $graph, status: $status})
WHERE $relation IS NULL OR c.relation = $relation
OPTIONAL MATCH (known_head:Entity {graph: $graph, id: c.head})
OPTIONAL MATCH (new_head:NewEntity {graph: $graph, id: c.head})
OPTIONAL MATCH (known_tail:Entity {graph: $graph, id: c.tail})
OPTIONAL MATCH (new_tail:NewEntity {graph: $graph, id: c.tail})
WITH c, coalesce(known_head.name, new_head.name, c.head) AS head_name,
     coalesce(known_tail.name, new_tail.name, c.tail) AS tail_name
WHERE $entity IS NULL OR $entity IN [c.head, c.tail, head_name, tail_name]
WITH c, head_name, tail_name ORDER BY abs(c.confidence - 0.5), c.id
LIMIT toInteger($limit)
RETURN c.id AS id, c.head AS head, c.relation AS relation, c.tail AS tail, head_name, tail_name,
       c.status AS status, c.confidence AS confidence, c.support AS support,
       coalesce(c.proposed, false) AS proposed, coalesce(c.decided, false) AS decided,
       c.reason AS reason,
       COLLECT {
         MATCH (c)-[e:EVIDENCE]->(k:Chunk)
         RETURN substring(k.text, e.start, e.end - e.start) AS text
         ORDER BY e.confidence DESC, text LIMIT 1
       }[0] AS text
