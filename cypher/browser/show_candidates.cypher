// Facts that texts state, those that wait for a decision first, drawn with what states them and
// with their ends.
// Params: $graph, $limit (e.g. 10)
// Returns: candidate, evidence, chunk, end, mention
MATCH (candidate:Candidate {graph: $graph})
WITH candidate
ORDER BY candidate.status <> 'staged', abs(candidate.confidence - 0.5), candidate.id
LIMIT toInteger($limit)
MATCH (candidate)-[evidence:EVIDENCE]->(chunk:Chunk)
OPTIONAL MATCH (end:Entity|NewEntity {graph: $graph})-[mention:MENTIONED_IN]->(chunk)
WHERE end.id IN [candidate.head, candidate.tail]
RETURN candidate, evidence, chunk, end, mention
