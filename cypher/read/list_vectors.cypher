// Which of a graph's entities have a vector, in blocks of columns cut by ranges of nid.
// Params: $graph, $end (one more than the last nid), $block; marks: property
// Returns: nodes (the server's own numbers, for this transaction), keys (parallel)
CYPHER 5
UNWIND range(0, $end - 1, $block) AS lo
CALL (lo) {
  MATCH (n:Entity {graph: $graph})
  WHERE n.nid >= lo AND n.nid < lo + $block AND n.$$property$$ IS NOT NULL
  WITH n ORDER BY n.nid
  RETURN collect(id(n)) AS nodes, collect(n.id) AS keys
}
RETURN nodes, keys
