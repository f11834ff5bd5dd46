// The highest number that the server has given a relationship.
// Params: none
// Returns: last (-1 where there is none)
CYPHER 5
MATCH ()-[r]->()
RETURN coalesce(max(id(r)), -1) AS last
