// Candidates by their other end.
// Params: none
// Returns: nothing
CREATE INDEX candidate_tail IF NOT EXISTS
FOR (c:Candidate) ON (c.graph, c.tail)
