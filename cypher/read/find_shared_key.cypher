// A value that two nodes have of the property which should tell them apart.
// Params: $key
// Returns: key, times
MATCH (n)
WITH n[$key] AS given
WHERE toStringOrNull(given) = given OR toIntegerOrNull(given) = given
WITH toString(given) AS key, count(*) AS times
WHERE times > 1
RETURN key, times
LIMIT 1
