// The runs that wrote into this database, the one that began to write last first.
// Params: none
// Returns: run, model, graph, created
MATCH (r:Run)
RETURN r.id AS run, r.model AS model, r.graph AS graph, r.created AS created
ORDER BY coalesce(r.serial, 0) DESC, created DESC
