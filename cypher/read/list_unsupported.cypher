// Those of given candidates that nothing supports.
// Params: $graph, $ids
// Returns: id, head, relation, tail
UNWIND $ids AS id
MATCH (c:Candidate {graph: $graph, id: id})
WHERE NOT EXISTS { (c)-[:EVIDENCE]->() }
RETURN c.id AS id, c.head AS head, c.relation AS relation, c.tail AS tail
