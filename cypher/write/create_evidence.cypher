// Lead from candidates to the chunks that state them.
// Params: $graph, $run, $items (maps of id, chunk and properties)
// Returns: made
UNWIND $items AS item
MATCH (c:Candidate {graph: $graph, id: item.id})
MATCH (k:Chunk {graph: $graph, id: item.chunk})
CREATE (c)-[e:EVIDENCE]->(k)
SET e = item.properties, e.run = $run
RETURN count(e) AS made
