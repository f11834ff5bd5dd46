// The texts of chunks, with the documents that they are part of.
// Params: $graph, $ids (of chunks)
// Returns: id, text, start, end (in characters of the document), document, title, uri
UNWIND $ids AS id
MATCH (c:Chunk {graph: $graph, id: id})-[:PART_OF]->(d:Document)
RETURN c.id AS id, c.text AS text, c.start AS start, c.end AS end, d.id AS document,
       d.title AS title, d.uri AS uri
