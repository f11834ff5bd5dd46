// Make the entities that are not there yet, each with the next dense number of its graph, let
// the source claim all of them, and say by which numbers they are found again at once: looking
// an entity up by its id takes longer than making a fact. Those of the server hold while the
// node is there; the nid, never given twice, shows that it is. Writing the version first takes
// the lock on the graph's record, so that loads queue up instead of numbering twice.
// If the graph was removed meanwhile, no row comes.
// Params: $graph, $ids (distinct), $source
// Returns: missing (positions of those made now), made (their nodes' numbers, parallel),
//   first (the nid of the first of them), there (position, node's number and nid of the others)
CYPHER 5
MATCH (g:KnowledgeGraph {name: $graph})
SET g.version = g.version + 1
WITH g
WHERE g.name = $graph
UNWIND range(0, size($ids) - 1) AS i
OPTIONAL MATCH (e:Entity {graph: $graph, id: $ids[i]})
CALL (e) {
  WITH e, coalesce(e.sources, []) AS claims
  WHERE e IS NOT NULL AND NOT $source IN claims
  SET e.sources = [s IN claims WHERE s < $source] + $source + [s IN claims WHERE s > $source]
  RETURN count(*) AS claimed
}
WITH g, g.next_nid AS first,
     collect(CASE WHEN e IS NULL THEN i END) AS missing,
     collect(CASE WHEN e IS NOT NULL AND e.nid IS NULL THEN e END) AS unnumbered,
     collect(CASE WHEN e IS NOT NULL THEN [i, e] END) AS others
FOREACH (k IN range(0, size(unnumbered) - 1) |
  FOREACH (e IN [unnumbered[k]] | SET e.nid = first + size(missing) + k)
)
SET g.next_nid = first + size(missing) + size(unnumbered)
WITH first, missing, others
CALL (first, missing) {
  UNWIND range(0, size(missing) - 1) AS k
  CREATE (e:Entity {graph: $graph, id: $ids[missing[k]], name: $ids[missing[k]],
                    nid: first + k, sources: [$source]})
  RETURN collect(id(e)) AS made
}
RETURN missing, made, first, [other IN others | [other[0], id(other[1]), other[1].nid]] AS there
