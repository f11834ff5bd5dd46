// Remove one set's vectors, their bytes, and the marks of added ones, from their nodes, in batches.
// Params: none; marks: label, property, bytes, origin_property
// Returns: removed
MATCH (n:$$label$$)
WHERE n.$$property$$ IS NOT NULL OR n.$$bytes$$ IS NOT NULL
CALL (n) {
  REMOVE n.$$property$$, n.$$bytes$$, n.$$origin_property$$
} IN TRANSACTIONS OF 5000 ROWS
RETURN count(n) AS removed
