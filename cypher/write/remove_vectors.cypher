// Remove one set's vectors, and what stands beside them (bytes, weights, marks of added ones), in batches.
// Params: $rows (a transaction); marks: label, property, bytes, origin_property, text_weight, graph_weight
// Returns: removed
MATCH (n:$$label$$)
WHERE n.$$property$$ IS NOT NULL OR n.$$bytes$$ IS NOT NULL
CALL (n) {
  REMOVE n.$$property$$, n.$$bytes$$, n.$$origin_property$$, n.$$text_weight$$, n.$$graph_weight$$
} IN TRANSACTIONS OF $rows ROWS
RETURN count(n) AS removed
