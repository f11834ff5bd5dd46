// As stream_triples, with the number of each fact's relationship, the split that its source gave
// it, and a property that holds its time.
// Params: $graph, $end (one more than the last nid), $block, $time (a property's name, or null)
// Returns: heads (nid), relations, tails (node number), splits ('' for none), edges (the server's
//   numbers), times
CYPHER 5
UNWIND range(0, $end - 1, $block) AS lo
WITH lo, CASE WHEN lo + $block < $end THEN lo + $block ELSE $end END AS hi
CALL (lo, hi) {
  MATCH (h:Entity {graph: $graph})
  WHERE h.nid >= lo AND h.nid < hi
  MATCH (h)-[r:!PREDICTED]->(t)
  RETURN collect(h.nid) AS heads, collect(type(r)) AS relations, collect(id(t)) AS tails,
         collect(coalesce(r.given_split, r.split, '')) AS splits, collect(id(r)) AS edges,
         collect(coalesce(r[$time], '')) AS times
}
RETURN heads, relations, tails, splits, edges, times
