// Open a load: the graph's record names it until end_load, so that a cut load is noticed. The
// record holds a list: another load that ends must not hide one that was cut.
// Params: $graph, $source
// Returns: nothing
MERGE (g:KnowledgeGraph {name: $graph})
ON CREATE SET g.next_nid = 0, g.version = 0
// This takes the lock on the record, so that two loads do not overwrite each other's mark.
SET g.version = g.version + 1
WITH g
SET g.loading = [s IN coalesce(g.loading, []) WHERE s <> $source] + $source
