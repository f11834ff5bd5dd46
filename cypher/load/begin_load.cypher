// Open a load: the graph's record says so until end_load, so that a cut load is noticed.
// Params: $graph, $source
// Returns: nothing
MERGE (g:KnowledgeGraph {name: $graph})
ON CREATE SET g.next_nid = 0, g.version = 0
SET g.loading = $source
