// The nodes of a graph, its entities or its chunks. Element ids stay inside one transaction of
// the store.
// Params: $graph, $keys; marks: label
// Returns: nodes (element ids parallel to $keys, '' where there is none)
UNWIND range(0, size($keys) - 1) AS i
OPTIONAL MATCH (n:$$label$$ {graph: $graph, id: $keys[i]})
WITH i, n ORDER BY i
RETURN collect(coalesce(elementId(n), '')) AS nodes
