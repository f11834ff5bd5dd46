// One graph's record.
// Params: $graph
// Returns: entities, version, loading (sources of loads under way or cut, or null)
MATCH (g:KnowledgeGraph {name: $graph})
RETURN g.next_nid AS entities, g.version AS version, g.loading AS loading
