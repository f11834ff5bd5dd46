// Record a run that writes no vectors.
// Params: $run, $run_properties
// Returns: nothing
MERGE (r:Run {id: $run})
SET r += $run_properties
