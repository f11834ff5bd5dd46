// The vector index of one set, made when all its vectors are in.
// Params: $dimension, $similarity; marks: index, label, property
// Returns: nothing
CREATE VECTOR INDEX $$index$$ IF NOT EXISTS
FOR (n:$$label$$) ON (n.$$property$$)
OPTIONS {indexConfig: {
  `vector.dimensions`: $dimension,
  `vector.similarity_function`: $similarity
}}
