// Drop an index, if it is there.
// Params: none; marks: index
// Returns: nothing
DROP INDEX $$index$$ IF EXISTS
