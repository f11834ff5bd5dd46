// Make the facts that are not there yet, and let their sources claim those that are. A fact
// that is there under another split, or under none, keeps it and is reported: the same triple
// in two splits spoils results. Found first and made then, instead of MERGE, which is slower
// and does not say which were there; a lane or the lock on the graph's record keeps other loads
// out between the two. The ends are found by the numbers that merge_entities gave; where rows come
// back fewer than they went, one is gone. The types are dynamic values, one plan for all
// relations (docs/decisions/0004).
// Params: $heads, $tails (numbers of nodes), $head_nids, $tail_nids, $relations,
//   $fact_ids (distinct), $splits, $sources (parallel; a sorted list of sources each)
// Returns: rows, there, conflicts (positions in the arrays)
CYPHER 5
UNWIND range(0, size($heads) - 1) AS i
MATCH (h:Entity) WHERE id(h) = $heads[i] AND h.nid = $head_nids[i]
MATCH (t:Entity) WHERE id(t) = $tails[i] AND t.nid = $tail_nids[i]
OPTIONAL MATCH (h)-[r:$($relations[i]) {fact_id: $fact_ids[i]}]->(t)
CALL (i, h, t, r) {
  WITH * WHERE r IS NULL
  CREATE (h)-[n:$($relations[i])
    {fact_id: $fact_ids[i], split: $splits[i], sources: $sources[i]}]->(t)
  RETURN count(n) AS fresh
}
CALL (i, r) {
  WITH r, coalesce(r.sources, []) AS there,
       [s IN $sources[i] WHERE NOT s IN coalesce(r.sources, [])] AS added
  WHERE r IS NOT NULL AND size(added) > 0
  UNWIND there + added AS source
  WITH r, source ORDER BY source
  WITH r, collect(source) AS claims
  SET r.sources = claims
  RETURN count(r) AS claimed
}
RETURN count(*) AS rows,
       collect(CASE WHEN fresh = 0 THEN i END) AS there,
       collect(CASE WHEN r IS NOT NULL AND coalesce(r.given_split, r.split, '') <> $splits[i] THEN i END)
         AS conflicts
