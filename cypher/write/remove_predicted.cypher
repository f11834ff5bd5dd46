// Remove one run's predicted links, in batches.
// Params: $run, $rows (a transaction)
// Returns: removed
MATCH ()-[p:PREDICTED {run: $run}]->()
CALL (p) {
  DELETE p
} IN TRANSACTIONS OF $rows ROWS
RETURN count(*) AS removed
