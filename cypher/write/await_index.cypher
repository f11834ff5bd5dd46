// Wait until an index answers.
// Params: $index, $seconds
// Returns: nothing
CALL db.awaitIndex($index, $seconds)
