// Mark facts with their split. What the source said is kept beside it ('' for nothing), for
// clear_splits. A fact is found by its relationship's number, and must still be the same fact:
// where rows come back fewer than they went, one is gone.
// Params: $graph, $edges (numbers of relationships), $head_nids, $relations, $tail_nids, $splits
//   (parallel)
// Returns: rows
CYPHER 5
UNWIND range(0, size($edges) - 1) AS i
MATCH (h:Entity)-[r]->(t:Entity)
WHERE id(r) = $edges[i] AND h.graph = $graph AND h.nid = $head_nids[i]
  AND t.nid = $tail_nids[i] AND type(r) = $relations[i]
SET r.given_split = coalesce(r.given_split, r.split, ''), r.split = $splits[i]
RETURN count(*) AS rows
