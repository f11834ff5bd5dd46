// Make the facts of one relation that are not there yet. A fact that is there under another
// split is left alone and reported: the same triple in two splits spoils results.
// Params: $graph, $heads, $tails, $fact_ids, $splits (parallel), $source; marks: relation
// Returns: conflicts (positions in the arrays)
UNWIND range(0, size($heads) - 1) AS i
MATCH (h:Entity {graph: $graph, id: $heads[i]})
MATCH (t:Entity {graph: $graph, id: $tails[i]})
MERGE (h)-[r:$$relation$$ {fact_id: $fact_ids[i]}]->(t)
ON CREATE SET r.split = $splits[i], r.source = $source
RETURN collect(CASE WHEN r.split <> $splits[i] THEN i END) AS conflicts
