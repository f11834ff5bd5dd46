// Remove what leaves a graph's entities, first, so that no hub is too large at once.
// Params: $graph, $rows (a transaction)
// Returns: removed
MATCH (:Entity {graph: $graph})-[r]->()
CALL (r) { DELETE r } IN TRANSACTIONS OF $rows ROWS
RETURN count(*) AS removed
