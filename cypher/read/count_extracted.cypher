// What an extraction has in a graph: the candidates that it supports by their status, the facts
// of those that are accepted, and new entities.
// Params: $graph, $run
// Returns: accepted, staged, rejected, proposed, documents, new_entities
CALL () {
  MATCH (c:Candidate {graph: $graph})
  WHERE EXISTS { (c)-[:EVIDENCE {run: $run}]->() }
  RETURN count(CASE c.status WHEN 'accepted' THEN 1 END) AS accepted,
         count(CASE c.status WHEN 'staged' THEN 1 END) AS staged,
         count(CASE c.status WHEN 'rejected' THEN 1 END) AS rejected,
         count(CASE WHEN c.proposed THEN 1 END) AS proposed
}
RETURN accepted, staged, rejected, proposed,
       COUNT {
         MATCH (d:Document {graph: $graph})
         WHERE any(each IN d.extractions WHERE each STARTS WITH $run + '@')
       } AS documents,
       COUNT { MATCH (e:Entity|NewEntity {graph: $graph, run: $run}) } AS new_entities
