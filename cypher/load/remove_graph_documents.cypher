// Remove a graph's documents and their chunks.
// Params: $graph, $rows (a transaction)
// Returns: removed
MATCH (n:Document|Chunk {graph: $graph})
CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF $rows ROWS
RETURN count(*) AS removed
