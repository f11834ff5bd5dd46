// What one entity is.
// Params: $graph, $id
// Returns: id, name, description (each or null), labels, facts, predicted (how many it has)
MATCH (e:Entity {graph: $graph, id: $id})
RETURN e.id AS id, e.name AS name, e.description AS description,
       [label IN labels(e) WHERE label <> 'Entity'] AS labels,
       COUNT { (e)-[:!PREDICTED&!MENTIONED_IN]-(:Entity) } AS facts,
       COUNT { (e)-[:PREDICTED]-(:Entity) } AS predicted
