// The nodes of a user's own label, by the property that identifies them.
// Params: $keys; marks: label, key
// Returns: nodes (element ids parallel to $keys, '' where there is none)
UNWIND range(0, size($keys) - 1) AS i
OPTIONAL MATCH (n:$$label$$ {$$key$$: $keys[i]})
WITH i, n ORDER BY i
RETURN collect(coalesce(elementId(n), '')) AS nodes
