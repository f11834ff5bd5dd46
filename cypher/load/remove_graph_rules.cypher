// Remove a graph's rules and the records of their sets.
// Params: $graph, $rows (a transaction)
// Returns: removed
MATCH (n:Rule|RuleSet {graph: $graph})
CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF $rows ROWS
RETURN count(*) AS removed
