// One node an answer of a walker.
// Params: none
// Returns: nothing
CREATE CONSTRAINT answer_key IF NOT EXISTS
FOR (a:Answer) REQUIRE a.id IS UNIQUE
