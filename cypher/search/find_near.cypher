// Entities whose vectors are near given ones, through a vector index of one graph.
// Params: $vectors, $index, $top_k, $aliases (a property's name)
// Returns: id, name, aliases (a list, a text or null), labels
UNWIND $vectors AS vector
CALL (vector) {
  CALL db.index.vector.queryNodes($index, $top_k, vector) YIELD node
  RETURN node
}
WITH DISTINCT node
RETURN node.id AS id, node.name AS name, node[$aliases] AS aliases, labels(node) AS labels
ORDER BY id
