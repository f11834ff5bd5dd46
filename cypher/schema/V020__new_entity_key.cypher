// One node a thing that texts name and no accepted fact is about; with the first it becomes an
// entity.
// Params: none
// Returns: nothing
CREATE CONSTRAINT new_entity_key IF NOT EXISTS
FOR (e:NewEntity) REQUIRE (e.graph, e.id) IS UNIQUE
