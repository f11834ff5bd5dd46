// What was extracted from documents before, and who claims them; those not there have no row.
// Params: $graph, $ids
// Returns: id, extractions (run@key each, or null), sources
UNWIND $ids AS id
MATCH (d:Document {graph: $graph, id: id})
RETURN d.id AS id, d.extractions AS extractions, d.sources AS sources
