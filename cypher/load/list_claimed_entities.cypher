// The entities that a source claims, in blocks cut by ranges of nid.
// Params: $graph, $source, $end, $block
// Returns: ids
UNWIND range(0, $end - 1, $block) AS lo
CALL (lo) {
  MATCH (e:Entity {graph: $graph})
  WHERE e.nid >= lo AND e.nid < lo + $block AND $source IN e.sources
  RETURN collect(e.id) AS ids
}
RETURN ids
