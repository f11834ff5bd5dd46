// The runs that wrote into a graph and what of them is there, the newest first.
// Params: $graph
// Returns: run, model, mrr (or null), created, sets (kind, name, property, dimension, active),
//   predicted, answers
MATCH (r:Run {graph: $graph})
RETURN r.id AS run, r.model AS model, r.mrr AS mrr, r.created AS created,
       COLLECT {
         MATCH (r)-[:WROTE]->(s:EmbeddingSet)
         RETURN s {.kind, .name, .property, .dimension, .active}
       } AS sets,
       COUNT { MATCH ()-[:PREDICTED {run: r.id}]->() } AS predicted,
       COUNT { MATCH (a:Answer {run: r.id}) } AS answers
ORDER BY coalesce(r.serial, 0) DESC, created DESC
LIMIT 20
