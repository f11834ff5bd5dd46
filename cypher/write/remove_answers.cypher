// Remove one run's answers with their steps, in batches.
// Params: $run, $rows (a transaction)
// Returns: removed
MATCH (a:Answer {run: $run})
CALL (a) {
  DETACH DELETE a
} IN TRANSACTIONS OF $rows ROWS
RETURN count(*) AS removed
