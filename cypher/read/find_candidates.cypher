// Candidates by the beginning of their ids.
// Params: $graph, $prefix
// Returns: ids (at most ten)
MATCH (c:Candidate {graph: $graph})
WHERE c.id STARTS WITH $prefix
WITH c.id AS id ORDER BY id LIMIT 10
RETURN collect(id) AS ids
