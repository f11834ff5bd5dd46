// Give back the numbers of entities that are gone from the end of a graph, unless a load is under
// way, which may have read them.
// Params: $graph
// Returns: nothing
MATCH (g:KnowledgeGraph {name: $graph})
WHERE g.loading IS NULL
SET g.next_nid = coalesce(
  COLLECT { MATCH (e:Entity {graph: $graph}) RETURN max(e.nid) + 1 AS next }[0], 0
)
