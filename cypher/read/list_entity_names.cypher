// What a graph's entities are called, and how much is known of each.
// Params: $graph, $aliases (a property's name)
// Returns: id, name, aliases (a list, a text or null), description, facts
MATCH (e:Entity {graph: $graph})
RETURN e.id AS id, e.name AS name, e[$aliases] AS aliases, e.description AS description,
       COUNT { (e)-[:!PREDICTED]-(:Entity) } AS facts
ORDER BY id
