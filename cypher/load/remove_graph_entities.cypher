// Remove a graph's entities.
// Params: $graph, $rows (a transaction)
// Returns: removed
MATCH (e:Entity {graph: $graph})
CALL (e) { DETACH DELETE e } IN TRANSACTIONS OF $rows ROWS
RETURN count(*) AS removed
