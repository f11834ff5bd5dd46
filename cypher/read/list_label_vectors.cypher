// Which nodes of a user's own label have a vector, in blocks cut by ranges of the server's numbers.
// Params: $end (the last number of a node), $block; marks: label, key, property
// Returns: nodes (the server's own numbers, for this transaction), keys (parallel; shorter where
//   a node has none)
CYPHER 5
UNWIND range(0, $end, $block) AS lo
CALL (lo) {
  MATCH (n)
  WHERE id(n) IN range(lo, lo + $block - 1)
  WITH n WHERE n:$$label$$ AND n.$$property$$ IS NOT NULL
  RETURN collect(id(n)) AS nodes, collect(n.$$key$$) AS keys
}
RETURN nodes, keys
