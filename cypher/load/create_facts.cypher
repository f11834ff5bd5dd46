// Make facts that cannot be there yet: one of their ends was made by this load, which has not
// read them before and keeps other loads out. The ends are found by the numbers that
// merge_entities gave; where rows come back fewer than they went, one is gone. The types are
// dynamic values, one plan for all relations (docs/decisions/0004).
// Params: $heads, $tails (numbers of nodes), $head_nids, $tail_nids, $relations, $fact_ids,
//   $splits, $sources (parallel; a sorted list of sources each)
// Returns: rows
CYPHER 5
UNWIND range(0, size($heads) - 1) AS i
MATCH (h:Entity) WHERE id(h) = $heads[i] AND h.nid = $head_nids[i]
MATCH (t:Entity) WHERE id(t) = $tails[i] AND t.nid = $tail_nids[i]
CREATE (h)-[:$($relations[i])
  {fact_id: $fact_ids[i], split: $splits[i], sources: $sources[i]}]->(t)
RETURN count(*) AS rows
