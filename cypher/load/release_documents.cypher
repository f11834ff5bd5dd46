// Take a source's claim from documents, and remove those that no source claims any more, with
// their chunks.
// Params: $graph, $source, $ids
// Returns: removed
UNWIND $ids AS id
MATCH (d:Document {graph: $graph, id: id})
SET d.sources = [s IN d.sources WHERE s <> $source]
WITH d
WHERE size(d.sources) = 0
OPTIONAL MATCH (c:Chunk)-[:PART_OF]->(d)
WITH d, collect(c) AS chunks
FOREACH (c IN chunks | DETACH DELETE c)
DETACH DELETE d
RETURN count(*) AS removed
