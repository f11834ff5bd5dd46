// Take back what was found in chunks that are about to be removed, whoever found it. Candidates and
// entities that nothing supports any more are for the statements that follow.
// Params: $graph, $ids (of chunks)
// Returns: candidates, entities (ids of those that lost something)
UNWIND $ids AS id
MATCH (k:Chunk {graph: $graph, id: id})
CALL (k) {
  MATCH (c:Candidate)-[e:EVIDENCE]->(k)
  DELETE e
  SET c.stale = true
  RETURN collect(DISTINCT c.id) AS candidates
}
CALL (k) {
  MATCH (e:Entity|NewEntity)-[m:MENTIONED_IN]->(k)
  DELETE m
  RETURN collect(DISTINCT e.id) AS entities
}
RETURN candidates, entities
