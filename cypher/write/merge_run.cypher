// Record a run that writes no vectors. Its serial number says when it first wrote, after which
// others: clocks may have been put back between.
// Params: $run, $run_properties
// Returns: nothing
MERGE (r:Run {id: $run})
ON CREATE SET r.serial = 1 + coalesce(COLLECT { MATCH (o:Run) RETURN max(o.serial) }[0], 0)
SET r += $run_properties
