// How much the database holds, from its own counts, and how far its numbers of relationships go.
// Params: none
// Returns: nodes, relationships, last (the highest number of a relationship, -1 for none)
CYPHER 5
CALL () { MATCH (n) RETURN count(n) AS nodes }
CALL () { MATCH ()-[r]->() RETURN count(r) AS relationships }
CALL () { MATCH ()-[r]->() RETURN coalesce(max(id(r)), -1) AS last }
RETURN nodes, relationships, last
