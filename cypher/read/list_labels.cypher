// The labels of a database, at most two hundred of them.
// Params: none
// Returns: label
CALL db.labels() YIELD label
RETURN label
ORDER BY label
LIMIT 200
