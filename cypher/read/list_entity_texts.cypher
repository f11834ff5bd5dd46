// What some properties of a graph's entities say, of those that have any of them.
// Params: $graph, $properties
// Returns: id, texts (a value a property, null where there is none)
MATCH (e:Entity {graph: $graph})
WHERE any(name IN $properties WHERE e[name] IS NOT NULL)
RETURN e.id AS id, [name IN $properties | e[name]] AS texts
