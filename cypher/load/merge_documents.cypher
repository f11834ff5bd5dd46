// Make documents or bring them up to date, and say what was there before. Their chunks follow in
// the same transaction. Setting the source takes the lock on a document, so that two loads of it
// do not each remove what the other has made. The rows come in the order of the ids.
// Params: $graph, $ids (distinct), $uris, $titles, $hashes (parallel), $source
// Returns: before (its hash, or null), uri_before, chunks (ids of its chunks)
UNWIND range(0, size($ids) - 1) AS i
MERGE (d:Document {graph: $graph, id: $ids[i]})
SET d.sources = COLLECT {
  UNWIND coalesce(d.sources, []) + $source AS name
  WITH DISTINCT name
  RETURN name ORDER BY name
}
WITH i, d, d.content_hash AS before, d.uri AS uri_before
SET d.content_hash = $hashes[i], d.uri = $uris[i], d.title = $titles[i]
RETURN before, uri_before, COLLECT { MATCH (c:Chunk)-[:PART_OF]->(d) RETURN c.id } AS chunks
ORDER BY i
