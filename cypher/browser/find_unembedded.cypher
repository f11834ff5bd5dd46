// Entities without a vector in the active set: loaded after its run, most likely.
// Params: $graph, $limit (e.g. 100)
// Returns: entity, name, facts (how many it has)
MATCH (set:EmbeddingSet {graph: $graph, label: 'Entity', active: true})
WITH set ORDER BY set.kind = 'image', set.kind, set.created DESC LIMIT 1
MATCH (e:Entity {graph: $graph})
WHERE e[set.property] IS NULL
RETURN e.id AS entity, e.name AS name, COUNT { (e)-[:!PREDICTED]-(:Entity) } AS facts
ORDER BY facts DESC, entity
LIMIT toInteger($limit)
