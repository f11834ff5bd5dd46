// One node a pair of names that were, or may be, taken for one entity's.
// Params: none
// Returns: nothing
CREATE CONSTRAINT name_pair_key IF NOT EXISTS
FOR (p:NamePair) REQUIRE (p.graph, p.id) IS UNIQUE
