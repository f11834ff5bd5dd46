// Candidates whose status somebody has set by hand, in Browser for example.
// Params: $graph
// Returns: id, status, by, why
MATCH (c:Candidate {graph: $graph})
WHERE c.status <> c.applied
RETURN c.id AS id, c.status AS status, coalesce(c.by, 'browser') AS by, c.why AS why
ORDER BY id
