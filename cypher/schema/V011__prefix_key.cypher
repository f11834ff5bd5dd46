// One node a prefix of a graph.
// Params: none
// Returns: nothing
CREATE CONSTRAINT prefix_key IF NOT EXISTS
FOR (p:Prefix) REQUIRE (p.graph, p.prefix) IS UNIQUE
