// Write one batch of vectors, stored as 32-bit floats, and note in the same transaction how
// far the set has come: up to where no batch is missing, which a batch that is written beside
// others does not move.
// Params: $name, $nodes, $vectors (parallel), $property, $written
// Returns: found
UNWIND range(0, size($nodes) - 1) AS i
MATCH (n) WHERE elementId(n) = $nodes[i]
CALL db.create.setNodeVectorProperty(n, $property, $vectors[i])
WITH count(n) AS found
MATCH (s:EmbeddingSet {name: $name})
SET s.written = CASE WHEN s.written < $written THEN $written ELSE s.written END
RETURN found
