// Mark candidates that have lost support and are still supported, to be judged again.
// Params: $graph, $ids
// Returns: nothing
UNWIND $ids AS id
MATCH (c:Candidate {graph: $graph, id: id})
SET c.stale = true
