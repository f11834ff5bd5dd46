// What people have decided on facts; those without a decision have no row.
// Params: $graph, $ids
// Returns: id, status, by
UNWIND $ids AS id
MATCH (d:Decision {graph: $graph, id: id})
RETURN d.id AS id, d.status AS status, d.by AS by
