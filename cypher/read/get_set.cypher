// A set of vectors and what is known of it.
// Params: $name
// Returns: properties
MATCH (s:EmbeddingSet {name: $name})
RETURN properties(s) AS properties
