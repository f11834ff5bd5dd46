// The distinct values of a property, at most $limit of them.
// Params: $graph, $name, $limit
// Returns: values
MATCH (e:Entity {graph: $graph})
WHERE e[$name] IS NOT NULL
WITH DISTINCT e[$name] AS value
LIMIT toInteger($limit)
RETURN collect(value) AS values
