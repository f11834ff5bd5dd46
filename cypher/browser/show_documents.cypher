// Documents with the chunks that they were cut into, drawn.
// Params: $graph, $limit (e.g. 50)
// Returns: document, part, chunk
MATCH (document:Document {graph: $graph})<-[part:PART_OF]-(chunk:Chunk)
RETURN document, part, chunk
LIMIT toInteger($limit)
