// Make the entities that are not there yet, each with the next dense number of its graph, and
// let the source claim all of them. Writing the version first takes the lock on the graph's
// record, so that loads queue up instead of numbering twice or deadlocking.
// Params: $graph, $ids (distinct), $source
// Returns: created
MATCH (g:KnowledgeGraph {name: $graph})
SET g.version = g.version + 1
WITH g
UNWIND $ids AS id
MERGE (e:Entity {graph: $graph, id: id})
ON CREATE SET e.name = id, e.sources = []
WITH g, e, e.nid IS NULL AS fresh, coalesce(e.sources, []) AS claims
FOREACH (_ IN CASE WHEN $source IN claims THEN [] ELSE [1] END |
  SET e.sources = [s IN claims WHERE s < $source] + $source + [s IN claims WHERE s > $source]
)
WITH g, collect(CASE WHEN fresh THEN e END) AS fresh
FOREACH (i IN range(0, size(fresh) - 1) |
  FOREACH (e IN [fresh[i]] | SET e.nid = g.next_nid + i)
)
SET g.next_nid = g.next_nid + size(fresh)
RETURN size(fresh) AS created
