// Make the chunks of documents. One that is there already keeps what others have tied to it.
// Params: $graph, $ids, $documents, $texts, $starts, $ends, $indexes (parallel)
// Returns: nothing
UNWIND range(0, size($ids) - 1) AS i
MATCH (d:Document {graph: $graph, id: $documents[i]})
MERGE (c:Chunk {graph: $graph, id: $ids[i]})
SET c.text = $texts[i], c.start = $starts[i], c.end = $ends[i], c.index = $indexes[i]
// Asked of the chunk alone, which is in one document: MERGE would go through all chunks of a large
// document for each of them.
FOREACH (_ IN CASE WHEN EXISTS { (c)-[:PART_OF]->() } THEN [] ELSE [1] END |
  CREATE (c)-[:PART_OF]->(d)
)
