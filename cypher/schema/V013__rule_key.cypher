// One node a rule of a graph.
// Params: none
// Returns: nothing
CREATE CONSTRAINT rule_key IF NOT EXISTS
FOR (r:Rule) REQUIRE (r.graph, r.id) IS UNIQUE
