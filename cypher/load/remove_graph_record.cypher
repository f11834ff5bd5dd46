// Remove a graph's record, its prefixes and those of its loads: the last step of its removal. Under
// the lock on the record, and when the lanes of loads are gone, which waits for what they are
// writing: what a load has made since the steps before keeps the record, so that it is removed
// first; nids begin anew with the next record.
// Params: $graph
// Returns: removed (0 if something is left, or the record is gone)
MATCH (g:KnowledgeGraph {name: $graph})
SET g.version = g.version + 1
WITH g
WHERE g.name = $graph
CALL () {
  MATCH (l:Lane {graph: $graph})
  DELETE l
}
WITH g
WHERE NOT EXISTS { (:Entity {graph: $graph}) } AND NOT EXISTS { (:Document {graph: $graph}) }
CALL () {
  MATCH (n:Load|Prefix {graph: $graph})
  DETACH DELETE n
}
DETACH DELETE g
RETURN count(*) AS removed
