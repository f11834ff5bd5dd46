// Countries of the demo graph that share a currency and no border; a small currency first.
// Params: $graph, $limit (e.g. 50)
// Returns: currency, users (how many countries use it), one, other
MATCH (one:Entity {graph: $graph})-[:USES_CURRENCY]->(c:Entity)<-[:USES_CURRENCY]-(other:Entity)
WHERE one.id < other.id AND NOT EXISTS { (one)-[:BORDERS]-(other) }
RETURN c.name AS currency, COUNT { (c)<-[:USES_CURRENCY]-() } AS users,
       one.name AS one, other.name AS other
ORDER BY users, currency, one, other
LIMIT toInteger($limit)
