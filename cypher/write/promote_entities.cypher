// Make entities of new ones, since an accepted fact is about them, each with the next dense number
// of its graph. The caller holds the lock on the graph's record.
// Params: $graph, $ids
// Returns: made
MATCH (g:KnowledgeGraph {name: $graph})
CALL () {
  UNWIND $ids AS id
  MATCH (e:NewEntity {graph: $graph, id: id})
  WITH DISTINCT e ORDER BY e.id
  RETURN collect(e) AS found
}
WITH g, found, g.next_nid AS first
SET g.next_nid = first + size(found)
WITH found, first
UNWIND range(0, size(found) - 1) AS k
WITH found[k] AS e, first + k AS nid
REMOVE e:NewEntity
SET e:Entity, e:$(CASE WHEN e.label IS NULL THEN [] ELSE [e.label] END),
    e.nid = nid, e.sources = ['llm']
RETURN count(e) AS made
