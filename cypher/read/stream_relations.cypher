// A graph's asserted facts as numbers of nodes in blocks, a record a range of nid of their tails
// and a relation.
// Params: $graph, $end (one more than the last nid), $block
// Returns: relation, heads (numbers of nodes), tails (nids)
CYPHER 5
UNWIND range(0, $end - 1, $block) AS lo
WITH lo, CASE WHEN lo + $block < $end THEN lo + $block ELSE $end END AS hi
CALL (lo, hi) {
  MATCH (t:Entity {graph: $graph})
  WHERE t.nid >= lo AND t.nid < hi
  MATCH (t)<-[r:!PREDICTED]-(h)
  RETURN type(r) AS relation, collect(id(h)) AS heads, collect(t.nid) AS tails
}
RETURN relation, heads, tails
