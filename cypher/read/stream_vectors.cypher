// Vectors of nodes, in blocks: a small block, since a list is unpacked number by number and is
// then still in the processor's cache (docs/log.md).
// Params: $nodes (the server's numbers), $block; marks: property
// Returns: nodes, vectors (parallel; a node that has none is left out of both)
CYPHER 5
UNWIND range(0, size($nodes) - 1, $block) AS lo
CALL (lo) {
  MATCH (n)
  WHERE id(n) IN $nodes[lo..lo + $block] AND n.$$property$$ IS NOT NULL
  RETURN collect(id(n)) AS nodes, collect(n.$$property$$) AS vectors
}
RETURN nodes, vectors
