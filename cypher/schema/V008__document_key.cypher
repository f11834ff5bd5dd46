// One node a document of a graph.
// Params: none
// Returns: nothing
CREATE CONSTRAINT document_key IF NOT EXISTS
FOR (d:Document) REQUIRE (d.graph, d.id) IS UNIQUE
