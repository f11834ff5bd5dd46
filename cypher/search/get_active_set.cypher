// The set of vectors that readers use.
// Params: $graph (null: nodes that are not kgplatform's own), $label
// Returns: name, property, index, dimension, run, key
MATCH (r:Run)-[:WROTE]->(s:EmbeddingSet {label: $label, active: true})
WHERE s.graph = $graph OR (s.graph IS NULL AND $graph IS NULL)
RETURN s.name AS name, s.property AS property, s.index AS index, s.dimension AS dimension,
       r.id AS run, s.key AS key
ORDER BY s.created DESC
LIMIT 1
