// Take a source's claim from facts, and remove those that no source claims any more.
// Params: $graph, $source, $inner, $heads, $relations, $tails, $fact_ids (parallel)
// Returns: removed
UNWIND range(0, size($heads) - 1) AS i
MATCH (h:Entity {graph: $graph, id: $heads[i]})
MATCH (t:Entity {graph: $graph, id: $tails[i]})
MATCH (h)-[r:$($relations[i]) {fact_id: $fact_ids[i]}]->(t)
WITH r, [s IN r.sources WHERE s <> $source AND NOT s STARTS WITH $inner] AS others
FOREACH (_ IN CASE WHEN size(others) > 0 THEN [1] ELSE [] END | SET r.sources = others)
WITH r, others WHERE size(others) = 0
DELETE r
RETURN count(*) AS removed
