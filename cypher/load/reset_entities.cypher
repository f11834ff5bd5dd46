// Take from entities what their only source once said of them, before it says it anew: names,
// descriptions, labels and properties. Vectors that runs wrote stay.
// Params: $graph, $ids, $source
// Returns: reset
OPTIONAL MATCH (s:EmbeddingSet)
WITH collect(s.property) + ['graph', 'id', 'nid', 'name', 'sources'] AS kept
UNWIND $ids AS id
MATCH (e:Entity {graph: $graph, id: id})
WHERE e.sources = [$source]
FOREACH (property IN [p IN keys(e) WHERE NOT p IN kept] | REMOVE e[property])
REMOVE e:$([label IN labels(e) WHERE label <> 'Entity'])
SET e.name = e.id
RETURN count(e) AS reset
