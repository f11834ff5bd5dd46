// A graph's asserted facts in blocks of columns: a record holds the facts of one relation
// and split whose heads lie in one range of nid, as two parallel lists of numbers.
// Params: $graph, $end (one more than the last nid), $block
// Returns: relation, split, heads, tails
UNWIND range(0, $end - 1, $block) AS lo
WITH lo, CASE WHEN lo + $block < $end THEN lo + $block ELSE $end END AS hi
CALL (lo, hi) {
  MATCH (h:Entity {graph: $graph})
  WHERE h.nid >= lo AND h.nid < hi
  MATCH (h)-[r:!PREDICTED]->(t:Entity {graph: $graph})
  RETURN type(r) AS relation, r.split AS split,
         collect(h.nid) AS heads, collect(coalesce(t.nid, -1)) AS tails
}
RETURN relation, split, heads, tails
