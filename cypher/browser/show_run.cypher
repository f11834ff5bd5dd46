// A run with the sets of vectors that it wrote, drawn.
// Params: $graph (null for your own nodes), $run
// Returns: run, wrote, set
MATCH (run:Run {id: $run})
WHERE run.graph = $graph OR run.graph IS NULL AND $graph IS NULL
OPTIONAL MATCH (run)-[wrote:WROTE]->(set:EmbeddingSet)
RETURN run, wrote, set
