// Wait until every index can be used.
// Params: $seconds
// Returns: nothing
CALL db.awaitIndexes($seconds)
