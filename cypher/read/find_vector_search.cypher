// Finds the procedure that searches a vector index, where the server has it.
// Params: none
// Returns: name
SHOW PROCEDURES YIELD name
WHERE name = 'db.index.vector.queryNodes'
RETURN name
