// One node an answer of a walker. With the run in the key, other people's answers, which have none,
// are not bound by it.
// Params: none
// Returns: nothing
CREATE CONSTRAINT answer_key IF NOT EXISTS
FOR (a:Answer) REQUIRE (a.run, a.id) IS UNIQUE
