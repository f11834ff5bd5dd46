// Close a load.
// Params: $graph
// Returns: nothing
MATCH (g:KnowledgeGraph {name: $graph})
REMOVE g.loading
SET g.version = g.version + 1, g.loaded = datetime()
