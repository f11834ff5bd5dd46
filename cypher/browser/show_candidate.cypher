// A fact that texts state, drawn with the chunks that state it, their documents and its ends.
// Params: $graph, $candidate (the beginning of its id)
// Returns: candidate, evidence, chunk, part, document, end, mention
MATCH (candidate:Candidate {graph: $graph})
WHERE candidate.id STARTS WITH $candidate
MATCH (candidate)-[evidence:EVIDENCE]->(chunk:Chunk)-[part:PART_OF]->(document:Document)
OPTIONAL MATCH (end:Entity|NewEntity {graph: $graph})-[mention:MENTIONED_IN]->(chunk)
WHERE end.id IN [candidate.head, candidate.tail]
RETURN candidate, evidence, chunk, part, document, end, mention
