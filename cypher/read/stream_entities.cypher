// The ids of a graph's entities, in blocks of columns cut by ranges of nid.
// Params: $graph, $end (one more than the last nid), $block
// Returns: nids, nodes (the server's own numbers, for this transaction), ids (parallel)
CYPHER 5
UNWIND range(0, $end - 1, $block) AS lo
WITH lo, CASE WHEN lo + $block < $end THEN lo + $block ELSE $end END AS hi
CALL (lo, hi) {
  MATCH (e:Entity {graph: $graph})
  WHERE e.nid >= lo AND e.nid < hi
  RETURN collect(e.nid) AS nids, collect(id(e)) AS nodes, collect(e.id) AS ids
}
RETURN nids, nodes, ids
