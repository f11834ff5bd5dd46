// The nearest entities by the active vectors, with what each has in common with the first.
// Params: $graph, $id, $index, $top_k; marks: property
// Returns: id, name, score, shared (up to three facts that both have)
MATCH (e:Entity {graph: $graph, id: $id})
CALL db.index.vector.queryNodes($index, $top_k + 1, e.$$property$$) YIELD node, score
WITH e, node, score
WHERE node <> e
CALL (e, node) {
  MATCH (e)-[a:!PREDICTED]->(common:Entity)<-[b:!PREDICTED]-(node)
  WHERE type(a) = type(b)
  WITH DISTINCT type(a) AS relation, common, COUNT { (common)--() } AS degree
  ORDER BY degree, common.id
  LIMIT 3
  RETURN collect(relation + ' ' + common.name) AS shared
}
RETURN node.id AS id, node.name AS name, score, shared
ORDER BY score DESC
LIMIT $top_k
