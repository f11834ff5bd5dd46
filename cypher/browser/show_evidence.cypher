// What texts say of an entity, accepted or not, with the sentences.
// Params: $graph, $entity (id or name), $limit (e.g. 50)
// Returns: head, relation, tail, status, probability, text, document
MATCH (e:Entity|NewEntity {graph: $graph})
WHERE e.id = $entity OR e.name = $entity
MATCH (c:Candidate {graph: $graph})
WHERE c.head = e.id OR c.tail = e.id
MATCH (c)-[v:EVIDENCE]->(k:Chunk)-[:PART_OF]->(d:Document)
RETURN c.head AS head, c.relation AS relation, c.tail AS tail, c.status AS status,
       c.confidence AS probability,
       substring(k.text, v.start, v.end - v.start) AS text, d.title AS document
ORDER BY probability DESC, head, relation, tail, document
LIMIT toInteger($limit)
