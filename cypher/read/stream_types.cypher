// A graph's entities in blocks of columns cut by ranges of nid: the server's numbers of their
// nodes, and their labels, grouped by the set of them.
// Params: $graph, $end (one more than the last nid), $block
// Returns: types, nids, nodes (the server's own numbers)
CYPHER 5
UNWIND range(0, $end - 1, $block) AS lo
WITH lo, CASE WHEN lo + $block < $end THEN lo + $block ELSE $end END AS hi
CALL (lo, hi) {
  MATCH (e:Entity {graph: $graph})
  WHERE e.nid >= lo AND e.nid < hi
  RETURN labels(e) AS types, collect(e.nid) AS nids, collect(id(e)) AS nodes
}
RETURN types, nids, nodes
