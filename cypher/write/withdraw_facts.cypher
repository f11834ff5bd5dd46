// Take the texts' claim from facts, and remove those that nothing else claims.
// Params: $graph, $items (maps of head, relation, tail)
// Returns: removed
UNWIND $items AS item
MATCH (h:Entity {graph: $graph, id: item.head})
MATCH (t:Entity {graph: $graph, id: item.tail})
MATCH (h)-[r:$(item.relation)]->(t)
WHERE 'llm' IN r.sources
WITH r, [s IN r.sources WHERE s <> 'llm'] AS others
FOREACH (_ IN CASE WHEN size(others) > 0 THEN [1] ELSE [] END |
  SET r.sources = others
  REMOVE r.evidence
)
WITH r, others WHERE size(others) = 0
DELETE r
RETURN count(*) AS removed
