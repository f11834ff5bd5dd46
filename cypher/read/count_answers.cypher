// How many answers of a run are in the database.
// Params: $run
// Returns: answers
MATCH (a:Answer {run: $run})
RETURN count(a) AS answers
