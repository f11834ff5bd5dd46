// Note of documents that an extraction has read them, and of what content and by which settings.
// Params: $graph, $run, $ids, $keys (parallel)
// Returns: nothing
UNWIND range(0, size($ids) - 1) AS i
MATCH (d:Document {graph: $graph, id: $ids[i]})
SET d.extractions = COLLECT {
  UNWIND [each IN coalesce(d.extractions, []) WHERE NOT each STARTS WITH $run + '@']
         + [$run + '@' + $keys[i]] AS each
  RETURN each ORDER BY each
}
