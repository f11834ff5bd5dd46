// One node a version of a named projection.
// Params: none
// Returns: nothing
CREATE CONSTRAINT projection_key IF NOT EXISTS
FOR (p:Projection) REQUIRE (p.name, p.version) IS UNIQUE
