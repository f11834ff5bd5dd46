// One node a run.
// Params: none
// Returns: nothing
CREATE CONSTRAINT run_id IF NOT EXISTS
FOR (r:Run) REQUIRE r.id IS UNIQUE
