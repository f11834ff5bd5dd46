// A graph's asserted facts in blocks of columns: a record holds the facts whose heads lie in one
// range of nid, as parallel lists. A tail is given by the server's own number of its node: reading
// a property of every tail, or comparing its graph, would take longer than all the rest
// (docs/log.md). The reader knows which nodes are the graph's. Those numbers hold as long as nobody
// writes; Cypher 5, which every server speaks, still has them.
// Params: $graph, $first, $end (the ranges of nid, the end not in them), $block, $step (from the
// beginning of one block to that of the next)
// Returns: heads (nid), tails (node number), relations, splits ('' for none; all are parallel)
CYPHER 5
UNWIND range($first, $end - 1, $step) AS lo
WITH lo, CASE WHEN lo + $block < $end THEN lo + $block ELSE $end END AS hi
CALL (lo, hi) {
  MATCH (h:Entity {graph: $graph})
  WHERE h.nid >= lo AND h.nid < hi
  MATCH (h)-[r:!PREDICTED]->(t)
  RETURN collect(h.nid) AS heads, collect(id(t)) AS tails, collect(type(r)) AS relations,
         collect(coalesce(r.split, '')) AS splits
}
RETURN heads, tails, relations, splits
