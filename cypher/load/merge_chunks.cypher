// Make the chunks of documents. One that is there already keeps what others have tied to it.
// Params: $graph, $ids, $documents, $texts, $starts, $ends, $indexes (parallel)
// Returns: nothing
UNWIND range(0, size($ids) - 1) AS i
MATCH (d:Document {graph: $graph, id: $documents[i]})
MERGE (c:Chunk {graph: $graph, id: $ids[i]})
SET c.text = $texts[i], c.start = $starts[i], c.end = $ends[i], c.index = $indexes[i]
MERGE (c)-[:PART_OF]->(d)
