// Make entities of a graph that has none but those that this load made, each with the next dense
// number: merge_entities without looking for them. Where another load has made one meanwhile, the
// constraint refuses them all, and merge_entities is asked. Writing the version first takes the
// lock on the graph's record, so that loads queue up instead of numbering twice.
// If the graph was removed meanwhile, no row comes.
// Params: $graph, $ids (distinct), $source
// Returns: made (their nodes' numbers, parallel), first (the nid of the first of them)
CYPHER 5
MATCH (g:KnowledgeGraph {name: $graph})
SET g.version = g.version + 1
WITH g, g.next_nid AS first
WHERE g.name = $graph
SET g.next_nid = first + size($ids)
WITH first
UNWIND range(0, size($ids) - 1) AS k
CREATE (e:Entity {graph: $graph, id: $ids[k], name: $ids[k], nid: first + k, sources: [$source]})
RETURN collect(id(e)) AS made, first
