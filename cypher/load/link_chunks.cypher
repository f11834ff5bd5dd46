// Lead from each chunk to the next of its document, and no longer to the one that was next.
// Params: $graph, $ids, $following (parallel)
// Returns: nothing
UNWIND range(0, size($ids) - 1) AS i
MATCH (a:Chunk {graph: $graph, id: $ids[i]})
MATCH (b:Chunk {graph: $graph, id: $following[i]})
CALL (a, b) {
  MATCH (a)-[old:NEXT]->(other)
  WHERE other <> b
  DELETE old
}
MERGE (a)-[:NEXT]->(b)
