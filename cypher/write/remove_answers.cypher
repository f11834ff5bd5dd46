// Remove one run's answers with their steps, in batches.
// Params: $run
// Returns: removed
MATCH (a:Answer {run: $run})
CALL (a) {
  DETACH DELETE a
} IN TRANSACTIONS OF 5000 ROWS
RETURN count(*) AS removed
