// Make the entities that are not there yet, each with the next dense number of its graph.
// Writing the version first takes the lock on the graph's record, so that loads queue up
// instead of numbering twice or deadlocking.
// Params: $graph, $ids (distinct)
// Returns: created
MATCH (g:KnowledgeGraph {name: $graph})
SET g.version = g.version + 1
WITH g
UNWIND $ids AS id
MERGE (e:Entity {graph: $graph, id: id})
ON CREATE SET e.name = id
WITH g, collect(CASE WHEN e.nid IS NULL THEN e END) AS fresh
FOREACH (i IN range(0, size(fresh) - 1) |
  FOREACH (e IN [fresh[i]] | SET e.nid = g.next_nid + i)
)
SET g.next_nid = g.next_nid + size(fresh)
RETURN size(fresh) AS created
