// The highest number that the server has given a node.
// Params: none
// Returns: last (-1 where there is none)
CYPHER 5
MATCH (n)
RETURN coalesce(max(id(n)), -1) AS last
