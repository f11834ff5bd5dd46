// Take the lock on a graph's record until the transaction ends, and remove the lanes of all
// loads, which waits for what they are writing: nobody else changes its facts now.
// Params: $graph
// Returns: nothing
MATCH (g:KnowledgeGraph {name: $graph})
SET g.version = g.version + 1
WITH g
MATCH (l:Lane {graph: $graph})
DELETE l
