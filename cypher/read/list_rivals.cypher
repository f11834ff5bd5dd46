// Candidates that say something of the same head by the same relation, where those are few enough
// to speak against one another.
// Params: $graph, $heads, $relations (parallel), $limit
// Returns: ids
UNWIND range(0, size($heads) - 1) AS i
CALL (i) {
  MATCH (c:Candidate {graph: $graph, head: $heads[i]})
  WHERE c.relation = $relations[i]
  RETURN collect(c.id) AS group
}
WITH group WHERE size(group) <= $limit
UNWIND group AS id
RETURN collect(DISTINCT id) AS ids
