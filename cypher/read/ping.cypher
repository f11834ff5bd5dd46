// Answer, to show that the login works and the database is there.
// Params: none
// Returns: one
RETURN 1 AS one
