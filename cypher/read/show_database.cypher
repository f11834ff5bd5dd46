// Which store this is: another one, put in its place, has another id or another time of making.
// Params: none
// Returns: id, created
CALL db.info() YIELD id, creationDate
RETURN id, creationDate AS created
