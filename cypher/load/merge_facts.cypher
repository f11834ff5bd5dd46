// Make the facts that are not there yet, and let their sources claim those that are. A fact
// that is there under another split, or under none, keeps it and is reported: the same triple
// in two splits spoils results. Found first and made then, instead of MERGE, which is slower
// and does not say which were there; the lock on the graph's record keeps other loads out between
// the two. The types are dynamic values, one plan for all relations (docs/decisions/0004).
// Params: $graph, $heads, $relations, $tails, $fact_ids (distinct), $splits, $sources (parallel;
//   a sorted list of sources each)
// Returns: there, conflicts (positions in the arrays)
MATCH (g:KnowledgeGraph {name: $graph})
SET g.version = g.version + 1
WITH g
UNWIND range(0, size($heads) - 1) AS i
MATCH (h:Entity {graph: $graph, id: $heads[i]})
MATCH (t:Entity {graph: $graph, id: $tails[i]})
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
RETURN collect(CASE WHEN fresh = 0 THEN i END) AS there,
       collect(CASE WHEN r IS NOT NULL AND coalesce(r.split, '') <> $splits[i] THEN i END)
         AS conflicts
