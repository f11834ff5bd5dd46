// Take from entities what their only source once said of them, before it says it anew: names,
// descriptions, labels and properties. What runs wrote stays: vectors with all that stands beside
// them (store/writeback.py names it), and what texts say.
// Params: $graph, $ids, $source
// Returns: reset
OPTIONAL MATCH (s:EmbeddingSet)
WITH collect(s.property) AS sets
WITH ['graph', 'id', 'nid', 'name', 'sources', 'llm_facts'] + reduce(
  marks = [], each IN sets |
  marks + [each, each + '_bytes', each + '_origin', each + '_text_weight', each + '_graph_weight']
) AS kept
UNWIND $ids AS id
MATCH (e:Entity {graph: $graph, id: id})
WHERE e.sources = [$source]
FOREACH (property IN [p IN keys(e) WHERE NOT p IN kept] | REMOVE e[property])
REMOVE e:$([label IN labels(e) WHERE label <> 'Entity'])
SET e.name = e.id
RETURN count(e) AS reset
