// Relationships in the order of the server's own numbers, whatever graph they are of, in blocks of
// columns: that takes a third of what walking to them from their heads takes, as the server's
// records are read one after another (docs/log.md). The reader knows which nodes are its graph's.
// Params: $first, $last (numbers of relationships), $block, $step (from the beginning of one block
// to that of the next)
// Returns: heads, tails (node numbers), relations, splits ('' for none; all are parallel)
CYPHER 5
UNWIND range($first, $last, $step) AS lo
CALL (lo) {
  MATCH (h)-[r:!PREDICTED]->(t)
  WHERE id(r) IN range(lo, lo + $block - 1)
  RETURN collect(id(h)) AS heads, collect(id(t)) AS tails, collect(type(r)) AS relations,
         collect(coalesce(r.split, '')) AS splits
}
RETURN heads, tails, relations, splits
