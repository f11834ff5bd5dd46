// Write vectors of nodes that came after a set was trained, each marked with what it is made of.
// Params: $nodes, $vectors (parallel), $property, $origin; marks: origin_property
// Returns: found
UNWIND range(0, size($nodes) - 1) AS i
MATCH (n) WHERE elementId(n) = $nodes[i]
CALL db.create.setNodeVectorProperty(n, $property, $vectors[i])
SET n.$$origin_property$$ = $origin
RETURN count(n) AS found
