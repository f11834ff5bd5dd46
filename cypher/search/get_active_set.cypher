// The set of vectors that readers use; where no kind is asked for, the
// first of graph, joint, text and image.
// Params: $graph (null: nodes that are not kgplatform's own), $label, $kind (or null: any)
// Returns: name, kind, property, index, dimension, encoder (or null), run, key
MATCH (r:Run)-[:WROTE]->(s:EmbeddingSet {label: $label, active: true})
WHERE (s.graph = $graph OR (s.graph IS NULL AND $graph IS NULL))
  AND ($kind IS NULL OR s.kind = $kind)
RETURN s.name AS name, s.kind AS kind, s.property AS property, s.index AS index,
       s.dimension AS dimension, r.encoder AS encoder, r.id AS run, s.key AS key
ORDER BY s.kind = 'image', s.kind, s.created DESC
LIMIT 1
