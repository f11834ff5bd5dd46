// A fact of a relation whose ends have names.
// Params: $graph; marks: relation
// Returns: head (name), tail (name)
MATCH (h:Entity {graph: $graph})-[:$$relation$$]->(t:Entity {graph: $graph})
WHERE h.name IS NOT NULL AND t.name IS NOT NULL AND h <> t
RETURN toString(h.name) AS head, toString(t.name) AS tail
LIMIT 1
