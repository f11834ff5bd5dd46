// A run that wrote into this database, with its sets.
// Params: $run
// Returns: run, sets
MATCH (r:Run {id: $run})
OPTIONAL MATCH (r)-[:WROTE]->(s:EmbeddingSet)
RETURN r.id AS run, collect(properties(s)) AS sets
