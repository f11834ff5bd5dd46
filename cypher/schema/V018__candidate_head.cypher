// Candidates by what they are about.
// Params: none
// Returns: nothing
CREATE INDEX candidate_head IF NOT EXISTS
FOR (c:Candidate) ON (c.graph, c.head)
