// One value of a property of facts, by which its kind and length are known.
// Params: $graph, $name
// Returns: value
MATCH (:Entity {graph: $graph})-[r:!PREDICTED]->()
WHERE r[$name] IS NOT NULL
RETURN r[$name] AS value LIMIT 1
