// Take back what an extraction has found in documents: what supports candidates, and mentions.
// Candidates and entities that nothing supports any more are for the statements that follow.
// Params: $graph, $run, $documents
// Returns: candidates, entities (ids of those that lost something)
UNWIND $documents AS document
MATCH (d:Document {graph: $graph, id: document})
SET d.extractions = CASE
  WHEN all(each IN d.extractions WHERE each STARTS WITH $run + '@') THEN null
  ELSE [each IN d.extractions WHERE NOT each STARTS WITH $run + '@']
END
WITH d
CALL (d) {
  MATCH (c:Candidate)-[e:EVIDENCE {run: $run}]->(:Chunk)-[:PART_OF]->(d)
  DELETE e
  RETURN collect(DISTINCT c.id) AS candidates
}
CALL (d) {
  MATCH (e:Entity|NewEntity)-[m:MENTIONED_IN {run: $run}]->(:Chunk)-[:PART_OF]->(d)
  DELETE m
  RETURN collect(DISTINCT e.id) AS entities
}
RETURN candidates, entities
