// Decide on a fact that texts state; `kgp review apply` brings the graph in line with it.
// Params: $graph, $candidate (the beginning of its id), $status ('accepted' or 'rejected'), $by
// Returns: id, head, relation, tail, status
MATCH (c:Candidate {graph: $graph})
WHERE c.id STARTS WITH $candidate
SET c.status = $status, c.by = $by
RETURN c.id AS id, c.head AS head, c.relation AS relation, c.tail AS tail, c.status AS status
