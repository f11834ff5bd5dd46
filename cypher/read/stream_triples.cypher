// A graph's asserted facts in blocks of columns: a record holds the facts of one relation
// and split whose heads lie in one range of nid, as two parallel lists of numbers.
// Params: $graph, $end (one more than the last nid), $block
// Returns: relation, split, heads, tails
UNWIND range(0, $end - 1, $block) AS lo
CALL (lo) {
  MATCH (h:Entity {graph: $graph})
  WHERE h.nid >= lo AND h.nid < lo + $block
  MATCH (h)-[r:!PREDICTED]->(t:Entity)
  RETURN type(r) AS relation, r.split AS split, collect(h.nid) AS heads, collect(t.nid) AS tails
}
RETURN relation, split, heads, tails
