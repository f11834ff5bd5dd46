// Write an answer and the entities of its ways, in place of what it was before.
// Params: $id, $answer_properties, $nodes (element ids), $ways, $indexes (parallel)
// Returns: answers, steps
MERGE (a:Answer {id: $id})
SET a = $answer_properties, a.id = $id
WITH a
CALL (a) {
  MATCH (a)-[old:STEP]->()
  DELETE old
}
CALL (a) {
  UNWIND range(0, size($nodes) - 1) AS i
  MATCH (e) WHERE elementId(e) = $nodes[i]
  CREATE (a)-[:STEP {way: $ways[i], i: $indexes[i]}]->(e)
  RETURN count(*) AS steps
}
RETURN 1 AS answers, steps
