// One node a person's decision on a fact; it outlives the candidate.
// Params: none
// Returns: nothing
CREATE CONSTRAINT decision_key IF NOT EXISTS
FOR (d:Decision) REQUIRE (d.graph, d.id) IS UNIQUE
