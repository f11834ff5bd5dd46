// Remove chunks that their documents no longer have, with all that leads to them.
// Params: $graph, $ids
// Returns: removed
UNWIND $ids AS id
MATCH (c:Chunk {graph: $graph, id: id})
DETACH DELETE c
RETURN count(*) AS removed
