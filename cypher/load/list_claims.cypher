// The facts that a source claims, in blocks cut by ranges of their heads' nid.
// Params: $graph, $source, $inner (the source's name with '#', for its named graphs), $end, $block
// Returns: fact_ids, heads, relations, tails (parallel; ids of entities)
UNWIND range(0, $end - 1, $block) AS lo
CALL (lo) {
  MATCH (h:Entity {graph: $graph})
  WHERE h.nid >= lo AND h.nid < lo + $block
  MATCH (h)-[r:!PREDICTED]->(t:Entity {graph: $graph})
  WHERE any(s IN r.sources WHERE s = $source OR s STARTS WITH $inner)
  RETURN collect(r.fact_id) AS fact_ids, collect(h.id) AS heads,
         collect(type(r)) AS relations, collect(t.id) AS tails
}
RETURN fact_ids, heads, relations, tails
