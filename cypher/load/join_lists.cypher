// Add values to the lists of entities' properties, each value once and in order, so that it
// does not matter in which order they came. A single value that stands there becomes a list.
// Params: $graph, $ids, $names (of properties), $values (a list each; parallel)
// Returns: joined
UNWIND range(0, size($ids) - 1) AS i
MATCH (e:Entity {graph: $graph, id: $ids[i]})
WITH e, $names[i] AS property, $values[i] AS added
WITH e, property, added,
     CASE
       WHEN e[property] IS NULL THEN []
       WHEN valueType(e[property]) STARTS WITH 'LIST' THEN e[property]
       ELSE [e[property]]
     END AS there
UNWIND there + added AS value
WITH e, property, value ORDER BY value
WITH e, property, collect(DISTINCT value) AS values
SET e[property] = values
RETURN count(e) AS joined
