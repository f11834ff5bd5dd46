// All nodes of a database, by ranges of the server's own numbers. Planned anew each time: a plan
// kept from when the database was nearly empty would search all of it for each page.
// Params: $first, $last
// Returns: identity, labels, properties
CYPHER 5 replan=force
MATCH (n)
WHERE id(n) IN range($first, $last)
RETURN id(n) AS identity, labels(n) AS labels, properties(n) AS properties
