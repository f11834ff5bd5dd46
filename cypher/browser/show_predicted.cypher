// The links that a run predicts, the most confident first, drawn; Browser adds the asserted facts
// between their ends.
// Params: $graph (null for your own nodes), $run, $limit (e.g. 50)
// Returns: head, predicted, tail
MATCH (run:Run {id: $run})
WHERE run.graph = $graph OR run.graph IS NULL AND $graph IS NULL
MATCH (head)-[predicted:PREDICTED {run: $run}]->(tail)
RETURN head, predicted, tail
ORDER BY predicted.confidence DESC, predicted.score DESC
LIMIT toInteger($limit)
