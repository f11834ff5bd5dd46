// Close a load; the marks of others that are under way or were cut stay.
// Params: $graph, $source, $owner
// Returns: nothing
MATCH (g:KnowledgeGraph {name: $graph})
SET g.version = g.version + 1
WITH g, [s IN g.loading WHERE s <> $source] AS others
SET g.loading = CASE WHEN size(others) > 0 THEN others END,
    g.loaded = datetime()
WITH g
MATCH (l:Lane {graph: $graph, owner: $owner})
DELETE l
