// The full-text index of names and of the property that holds further ones, made when names are
// first looked for in it.
// Params: none; marks: index, property
// Returns: nothing
CREATE FULLTEXT INDEX $$index$$ IF NOT EXISTS
FOR (e:Entity) ON EACH [e.name, e.$$property$$]
