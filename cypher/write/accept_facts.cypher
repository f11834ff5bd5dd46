// Write accepted candidates as facts. One that is there already is claimed for the texts beside
// its other sources, and keeps what those say of it.
// Params: $graph, $items (maps of id, head, relation, tail and properties)
// Returns: rows, made
UNWIND $items AS item
MATCH (h:Entity {graph: $graph, id: item.head})
MATCH (t:Entity {graph: $graph, id: item.tail})
OPTIONAL MATCH (h)-[r:$(item.relation)]->(t)
WITH item, h, t, head(collect(r)) AS r
CALL (item, h, t, r) {
  WITH * WHERE r IS NULL
  CREATE (h)-[n:$(item.relation) {fact_id: item.id, sources: ['llm']}]->(t)
  SET n += item.properties
  RETURN count(n) AS fresh
}
CALL (item, r) {
  WITH item, r WHERE r IS NOT NULL
  SET r += CASE WHEN r.sources = ['llm'] THEN item.properties ELSE {} END,
      r.evidence = item.properties.evidence,
      r.sources = CASE
        WHEN 'llm' IN coalesce(r.sources, []) THEN r.sources
        ELSE [s IN coalesce(r.sources, []) WHERE s < 'llm'] + ['llm']
             + [s IN coalesce(r.sources, []) WHERE s > 'llm']
      END
  RETURN count(r) AS claimed
}
RETURN count(*) AS rows, sum(fresh) AS made
