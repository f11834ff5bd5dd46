// The entities nearest to one by the active vectors. Needs a run written with `kgp write`.
// The index holds shortened vectors, so more are taken from it and compared by the whole ones.
// Params: $graph, $entity (id or name), $top_k (e.g. 10)
// Returns: entity, name, score (1 is the same direction), description
MATCH (set:EmbeddingSet {graph: $graph, label: 'Entity', active: true})
WITH set ORDER BY set.kind = 'image', set.kind, set.created DESC LIMIT 1
MATCH (e:Entity {graph: $graph})
WHERE (e.id = $entity OR e.name = $entity) AND e[set.property] IS NOT NULL
CALL db.index.vector.queryNodes(set.index, 2 * toInteger($top_k) + 10, e[set.property]) YIELD node
WITH e, node, vector.similarity.cosine(e[set.property], node[set.property]) AS score
WHERE node <> e
RETURN node.id AS entity, node.name AS name, score, node.description AS description
ORDER BY score DESC, entity
LIMIT toInteger($top_k)
