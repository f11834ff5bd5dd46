// One node a chunk of a graph; its id says which document, which place and which text.
// Params: none
// Returns: nothing
CREATE CONSTRAINT chunk_key IF NOT EXISTS
FOR (c:Chunk) REQUIRE (c.graph, c.id) IS UNIQUE
