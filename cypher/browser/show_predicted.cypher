// The links that a run predicts, the most confident first, drawn with the rarest facts that lie
// between their ends.
// Params: $graph (null for your own nodes), $run, $limit (e.g. 50)
// Returns: head, predicted, tail, between (up to two times fact, entity, fact)
MATCH (run:Run {id: $run})
WHERE run.graph = $graph OR run.graph IS NULL AND $graph IS NULL
MATCH (head)-[predicted:PREDICTED {run: $run}]->(tail)
WITH head, predicted, tail
ORDER BY predicted.confidence DESC, predicted.score DESC
LIMIT toInteger($limit)
CALL (head, tail) {
  MATCH (head)-[a:!PREDICTED]-(middle)-[b:!PREDICTED]-(tail)
  WITH middle, head(collect(a)) AS a, head(collect(b)) AS b
  ORDER BY COUNT { (middle)--() }, elementId(middle)
  LIMIT 2
  RETURN collect([a, middle, b]) AS between
}
RETURN head, predicted, tail, between
