// Give facts the properties that their source has of them, for example a weight.
// Params: $graph, $heads, $relations, $tails, $fact_ids, $properties (parallel; a map each)
// Returns: described
UNWIND range(0, size($heads) - 1) AS i
MATCH (h:Entity {graph: $graph, id: $heads[i]})
MATCH (t:Entity {graph: $graph, id: $tails[i]})
MATCH (h)-[r:$($relations[i]) {fact_id: $fact_ids[i]}]->(t)
SET r += $properties[i]
RETURN count(r) AS described
