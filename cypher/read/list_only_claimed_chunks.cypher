// The chunks of documents that nobody but a source claims.
// Params: $graph, $source, $ids (of documents)
// Returns: ids
UNWIND $ids AS id
MATCH (d:Document {graph: $graph, id: id})<-[:PART_OF]-(c:Chunk)
WHERE d.sources = [$source]
RETURN collect(c.id) AS ids
