// Remove one set's vectors from their nodes, in batches.
// Params: none; marks: label, property
// Returns: removed
MATCH (n:$$label$$)
WHERE n.$$property$$ IS NOT NULL
CALL (n) {
  REMOVE n.$$property$$
} IN TRANSACTIONS OF 5000 ROWS
RETURN count(n) AS removed
