// Candidates with all that supports them.
// Params: $graph, $ids
// Returns: properties, evidence (a map each)
UNWIND $ids AS id
MATCH (c:Candidate {graph: $graph, id: id})
RETURN properties(c) AS properties,
       COLLECT {
         MATCH (c)-[e:EVIDENCE]->(k:Chunk)-[:PART_OF]->(d:Document)
         RETURN e {.*, chunk: k.id, document: d.id} AS one
         ORDER BY d.id, k.index, e.start, e.end, e.run
       } AS evidence
