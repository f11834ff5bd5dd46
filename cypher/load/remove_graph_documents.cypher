// Remove a graph's documents, their chunks, and what was read out of them: candidates, new entities
// and people's decisions.
// Params: $graph, $rows (a transaction)
// Returns: removed
MATCH (n:Document|Chunk|Candidate|NewEntity|Decision {graph: $graph})
CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF $rows ROWS
RETURN count(*) AS removed
