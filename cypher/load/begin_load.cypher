// Open a load: the graph's record names it until end_load, so that a cut load is noticed. The
// record holds a list: another load that ends must not hide one that was cut. A load that is
// alone gets lanes, locks of its own by which it may write facts in several transactions at
// once; those of others are removed, which waits for what they are writing, and sends them back
// to the lock on the graph's record (docs/decisions/0009).
// Params: $graph, $source, $owner, $lanes (how many)
// Returns: lanes (how many it has), first (the nid that comes next), empty (whether the graph has
//   no entities)
MERGE (g:KnowledgeGraph {name: $graph})
ON CREATE SET g.next_nid = 0, g.version = 0
// This takes the lock on the record, so that two loads do not overwrite each other's mark.
SET g.version = g.version + 1
WITH g, [s IN coalesce(g.loading, []) WHERE s <> $source] AS others
SET g.loading = others + $source
WITH g, others
CALL () {
  MATCH (l:Lane {graph: $graph})
  DELETE l
}
CALL (others) {
  UNWIND range(0, CASE WHEN size(others) = 0 THEN $lanes ELSE 0 END - 1) AS number
  CREATE (l:Lane {graph: $graph, owner: $owner, number: number})
  RETURN count(l) AS lanes
}
RETURN lanes, g.next_nid AS first, NOT EXISTS { (:Entity {graph: $graph}) } AS empty
