// Remove a run's record and those of its sets, when all that they wrote is gone.
// Params: $run
// Returns: nothing
MATCH (r:Run {id: $run})
OPTIONAL MATCH (r)-[:WROTE]->(s:EmbeddingSet)
DETACH DELETE r, s
