// How much the database holds, from its own counts: at once, however much it is.
// Params: none
// Returns: nodes, relationships
CYPHER 5
CALL () { MATCH (n) RETURN count(n) AS nodes }
CALL () { MATCH ()-[r]->() RETURN count(r) AS relationships }
RETURN nodes, relationships
