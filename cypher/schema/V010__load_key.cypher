// One node a source and content that was loaded.
// Params: none
// Returns: nothing
CREATE CONSTRAINT load_key IF NOT EXISTS
FOR (l:Load) REQUIRE (l.graph, l.source, l.hash) IS UNIQUE
