// A graph's asserted facts in blocks of columns: a record holds the facts whose heads lie in
// one range of nid, as four parallel lists. A tail is given by the server's own number of its
// node: reading a property of every tail, or comparing its graph, would take longer than all
// the rest (docs/log.md). The reader knows which nodes are the graph's. Those numbers hold
// within one transaction; Cypher 5, which every server speaks, still has them.
// Params: $graph, $end (one more than the last nid), $block
// Returns: heads (nid), relations, tails (node number), splits ('' for none)
CYPHER 5
UNWIND range(0, $end - 1, $block) AS lo
WITH lo, CASE WHEN lo + $block < $end THEN lo + $block ELSE $end END AS hi
CALL (lo, hi) {
  MATCH (h:Entity {graph: $graph})
  WHERE h.nid >= lo AND h.nid < hi
  MATCH (h)-[r:!PREDICTED]->(t)
  RETURN collect(h.nid) AS heads, collect(type(r)) AS relations,
         collect(id(t)) AS tails, collect(coalesce(r.split, '')) AS splits
}
RETURN heads, relations, tails, splits
