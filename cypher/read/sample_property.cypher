// One value of a property, by which its kind and length are known.
// Params: $graph, $name
// Returns: value
MATCH (e:Entity {graph: $graph})
WHERE e[$name] IS NOT NULL
RETURN e[$name] AS value LIMIT 1
