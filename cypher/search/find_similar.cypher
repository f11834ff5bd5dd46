// The nearest entities by the active vectors, with what each has in common with the first. The
// index holds vectors in eight bits a number, so more than wanted are taken from it and put in
// order by the vectors themselves.
// Params: $graph, $id, $index, $top_k; marks: property
// Returns: id, name, score, shared (up to three facts that both have)
MATCH (e:Entity {graph: $graph, id: $id})
WHERE e.$$property$$ IS NOT NULL
CALL db.index.vector.queryNodes($index, 2 * $top_k + 10, e.$$property$$) YIELD node
WHERE node <> e
WITH e, node, vector.similarity.cosine(e.$$property$$, node.$$property$$) AS score
ORDER BY score DESC, node.id
LIMIT $top_k
CALL (e, node) {
  MATCH (e)-[a:!PREDICTED]->(common:Entity)<-[b:!PREDICTED]-(node)
  WHERE type(a) = type(b)
  WITH DISTINCT type(a) AS relation, common, COUNT { (common)--() } AS degree
  ORDER BY degree, common.id
  LIMIT 3
  RETURN collect(relation + ' ' + common.name) AS shared
}
RETURN node.id AS id, node.name AS name, score, shared
ORDER BY score DESC, id
