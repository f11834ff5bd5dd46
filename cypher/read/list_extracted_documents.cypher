// The documents that an extraction has read.
// Params: $graph, $run
// Returns: ids
MATCH (d:Document {graph: $graph})
WHERE any(each IN d.extractions WHERE each STARTS WITH $run + '@')
WITH d.id AS id ORDER BY id
RETURN collect(id) AS ids
