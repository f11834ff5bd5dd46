// Remove one set's vectors, and their bytes, from their nodes, in batches.
// Params: none; marks: label, property, bytes
// Returns: removed
MATCH (n:$$label$$)
WHERE n.$$property$$ IS NOT NULL OR n.$$bytes$$ IS NOT NULL
CALL (n) {
  REMOVE n.$$property$$, n.$$bytes$$
} IN TRANSACTIONS OF 5000 ROWS
RETURN count(n) AS removed
