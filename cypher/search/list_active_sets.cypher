// The sets of vectors of a graph's entities and chunks that readers use.
// Params: $graph
// Returns: kind, label, property, index, dimension, encoder (or null), encoder_digest (or null), run
MATCH (r:Run)-[:WROTE]->(s:EmbeddingSet {graph: $graph, active: true})
RETURN s.kind AS kind, s.label AS label, s.property AS property, s.index AS index,
       s.dimension AS dimension, r.encoder AS encoder, r.encoder_digest AS encoder_digest,
       r.id AS run
ORDER BY s.created DESC
