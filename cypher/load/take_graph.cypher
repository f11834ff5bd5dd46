// Take the lock on a graph's record until the transaction ends, and remove the lanes of all
// loads, which waits for what they are writing: nobody else changes its facts now. The name is
// read after the lock is had: a record that was removed meanwhile has none.
// Params: $graph
// Returns: had (0 if the graph is gone)
MATCH (g:KnowledgeGraph {name: $graph})
SET g.version = g.version + 1
WITH g
WHERE g.name = $graph
CALL () {
  MATCH (l:Lane {graph: $graph})
  DELETE l
}
RETURN count(g) AS had
