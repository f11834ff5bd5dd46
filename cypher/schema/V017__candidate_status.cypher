// Candidates by what has become of them, for review.
// Params: none
// Returns: nothing
CREATE INDEX candidate_status IF NOT EXISTS
FOR (c:Candidate) ON (c.graph, c.status)
