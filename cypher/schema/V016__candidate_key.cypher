// One node a fact that texts state; its id is that of the fact.
// Params: none
// Returns: nothing
CREATE CONSTRAINT candidate_key IF NOT EXISTS
FOR (c:Candidate) REQUIRE (c.graph, c.id) IS UNIQUE
