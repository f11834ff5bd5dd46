// One node an entity of a graph; several graphs share a database.
// Params: none
// Returns: nothing
CREATE CONSTRAINT entity_key IF NOT EXISTS
FOR (e:Entity) REQUIRE (e.graph, e.id) IS UNIQUE
