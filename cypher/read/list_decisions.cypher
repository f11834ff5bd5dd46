// All that people have decided on facts of a graph, with the numbers that were before them.
// Params: $graph
// Returns: id, head, relation, tail, status, by, at, why, confidence, features
MATCH (d:Decision {graph: $graph})
RETURN d.id AS id, d.head AS head, d.relation AS relation, d.tail AS tail, d.status AS status,
       d.by AS by, d.at AS at, d.why AS why, d.confidence AS confidence, d.features AS features
ORDER BY head, relation, tail
