// Record a run that writes no vectors. Its serial number says when it first wrote, after which
// others: clocks may have been put back between.
// Params: $run, $run_properties
// Returns: nothing
OPTIONAL MATCH (o:Run)
WITH coalesce(max(o.serial), 0) AS last
MERGE (r:Run {id: $run})
ON CREATE SET r.serial = last + 1
SET r += $run_properties
