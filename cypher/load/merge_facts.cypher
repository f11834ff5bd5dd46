// Make the facts that are not there yet. A fact that is there under another split, or under
// none, is left alone and reported: the same triple in two splits spoils results. The types
// are dynamic values, one plan for all relations (docs/decisions/0004).
// Params: $graph, $heads, $relations, $tails, $fact_ids, $splits (parallel), $source
// Returns: conflicts (positions in the arrays)
UNWIND range(0, size($heads) - 1) AS i
MATCH (h:Entity {graph: $graph, id: $heads[i]})
MATCH (t:Entity {graph: $graph, id: $tails[i]})
MERGE (h)-[r:$($relations[i]) {fact_id: $fact_ids[i]}]->(t)
ON CREATE SET r.split = $splits[i], r.source = $source
RETURN collect(CASE WHEN coalesce(r.split, '') <> $splits[i] THEN i END) AS conflicts
