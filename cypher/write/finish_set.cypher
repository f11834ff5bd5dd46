// Note that a set is whole, before it is put in use.
// Params: $name, $vectors (how many nodes have one), $keys (how many were to have one),
//   $bytes_property (where they are kept as bytes, too, or null)
// Returns: nothing
MATCH (s:EmbeddingSet {name: $name})
SET s.vectors = $vectors, s.written = $keys, s.bytes_property = $bytes_property
