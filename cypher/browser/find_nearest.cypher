// The entities nearest to one by the active vectors. Needs a run written with `kgp write`.
// Params: $graph, $entity (id or name), $top_k (e.g. 10)
// Returns: entity, name, score (1 is the same direction), description
MATCH (set:EmbeddingSet {graph: $graph, active: true})
WITH set ORDER BY set.created DESC LIMIT 1
MATCH (e:Entity {graph: $graph})
WHERE (e.id = $entity OR e.name = $entity) AND e[set.property] IS NOT NULL
CALL db.index.vector.queryNodes(set.index, toInteger($top_k) + 1, e[set.property])
YIELD node, score
WITH e, node, score
WHERE node <> e
RETURN node.id AS entity, node.name AS name, score, node.description AS description
ORDER BY score DESC
LIMIT toInteger($top_k)
