// Whether the default database could be started, asked in the database `system`.
// Params: none
// Returns: name, status, problem
SHOW DEFAULT DATABASE YIELD name, currentStatus, statusMessage
RETURN name, currentStatus AS status, statusMessage AS problem
