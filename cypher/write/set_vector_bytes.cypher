// Keep vectors a second time, as bytes, which leave the database several times faster than lists.
// Params: $nodes, $vectors (parallel; 32-bit floats, little-endian); marks: property
// Returns: found
UNWIND range(0, size($nodes) - 1) AS i
MATCH (n) WHERE elementId(n) = $nodes[i]
SET n.$$property$$ = $vectors[i]
RETURN count(n) AS found
