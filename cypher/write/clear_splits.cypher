// Give facts back the split that their source gave them, or none.
// Params: $graph, $first, $last (nids of heads, both included)
// Returns: rows
MATCH (h:Entity {graph: $graph})
WHERE h.nid >= $first AND h.nid <= $last
MATCH (h)-[r:!PREDICTED]->()
WHERE r.given_split IS NOT NULL
SET r.split = CASE WHEN r.given_split <> '' THEN r.given_split END, r.given_split = null
RETURN count(r) AS rows
