// Candidates that have lost support since they were judged.
// Params: $graph, $limit
// Returns: ids
MATCH (c:Candidate {graph: $graph})
WHERE c.stale
WITH c.id AS id ORDER BY id LIMIT toInteger($limit)
RETURN collect(id) AS ids
