// One node a set of vectors.
// Params: none
// Returns: nothing
CREATE CONSTRAINT embedding_set_name IF NOT EXISTS
FOR (s:EmbeddingSet) REQUIRE s.name IS UNIQUE
