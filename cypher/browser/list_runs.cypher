// The runs that wrote into a graph, with their metrics and what of them is in use.
// Params: $graph
// Returns: run, model, mrr, hits_at_10, created, vectors (name, dimension, in use), predicted
MATCH (run:Run {graph: $graph})
OPTIONAL MATCH (run)-[:WROTE]->(set:EmbeddingSet)
WITH run, collect(set {.name, .dimension, .active}) AS vectors
RETURN run.id AS run, run.model AS model, run.mrr AS mrr, run.hits_at_10 AS hits_at_10,
       run.created AS created, vectors,
       COUNT { (:Entity {graph: $graph})-[p:PREDICTED]->() WHERE p.run = run.id } AS predicted
ORDER BY created DESC
