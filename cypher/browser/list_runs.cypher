// The runs that wrote into a graph, with their metrics and what of them is in use.
// Params: $graph
// Returns: run, model, mrr, hits_at_10, created, vectors (name, dimension, in use), predicted
MATCH (r:Run {graph: $graph})
OPTIONAL MATCH (r)-[:WROTE]->(set:EmbeddingSet)
WITH r, collect(set {.name, .dimension, .active}) AS vectors
RETURN r.id AS run, r.model AS model, r.mrr AS mrr, r.hits_at_10 AS hits_at_10,
       r.created AS created, vectors,
       COUNT { (:Entity {graph: $graph})-[p:PREDICTED]->() WHERE p.run = r.id } AS predicted
ORDER BY coalesce(r.serial, 0) DESC, created DESC
