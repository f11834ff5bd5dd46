// Remove one run's predicted links, in batches.
// Params: $run
// Returns: removed
MATCH ()-[p:PREDICTED {run: $run}]->()
CALL (p) {
  DELETE p
} IN TRANSACTIONS OF 5000 ROWS
RETURN count(*) AS removed
