// The entities with the most facts.
// Params: $graph, $limit (e.g. 25)
// Returns: entity, name, types, facts, predicted
MATCH (e:Entity {graph: $graph})
RETURN e.id AS entity, e.name AS name, [label IN labels(e) WHERE label <> 'Entity'] AS types,
       COUNT { (e)-[:!PREDICTED]-(:Entity) } AS facts,
       COUNT { (e)-[:PREDICTED]-(:Entity) } AS predicted
ORDER BY facts DESC, entity
LIMIT toInteger($limit)
