// Answers that were written with the ways that lead to them, drawn.
// Params: $graph (null for your own nodes), $run, $limit (e.g. 10)
// Returns: answer, step, entity
MATCH (answer:Answer {run: $run})
WHERE answer.graph = $graph OR answer.graph IS NULL AND $graph IS NULL
WITH answer ORDER BY answer.rank, answer.id
LIMIT toInteger($limit)
MATCH (answer)-[step:STEP]->(entity)
RETURN answer, step, entity
