// Entities with a name like one that is asked for, through the full-text index. It holds the
// entities of all graphs, so more than wanted are taken from it.
// Params: $graph, $texts (Lucene queries), $index, $top_k, $aliases (a property's name)
// Returns: id, name, aliases (a list, a text or null), labels
UNWIND $texts AS text
CALL (text) {
  CALL db.index.fulltext.queryNodes($index, text, {limit: 10 * $top_k}) YIELD node, score
  WHERE node.graph = $graph
  RETURN node
  ORDER BY score DESC, node.id
  LIMIT $top_k
}
WITH DISTINCT node
RETURN node.id AS id, node.name AS name, node[$aliases] AS aliases, labels(node) AS labels
ORDER BY id
