// The graphs of this database.
// Params: none
// Returns: name, entities, version, loading (sources of loads under way or cut, or null)
MATCH (g:KnowledgeGraph)
RETURN g.name AS name, g.next_nid AS entities, g.version AS version, g.loading AS loading
ORDER BY name
