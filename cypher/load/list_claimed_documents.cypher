// The documents that a source claims.
// Params: $graph, $source
// Returns: ids
MATCH (d:Document {graph: $graph})
WHERE $source IN d.sources
RETURN collect(d.id) AS ids
