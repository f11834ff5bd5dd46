// What a database holds beside the record of its schema: nothing, if it is new.
// Params: none
// Returns: nodes, relationships, labels (of some of them), graphs
CALL () {
  MATCH (n) WHERE NOT n:SchemaMigration
  WITH n LIMIT 1000
  UNWIND labels(n) AS label
  RETURN collect(DISTINCT label) AS labels
}
CALL () {
  MATCH (g:KnowledgeGraph)
  RETURN collect(g.name) AS graphs
}
RETURN COUNT { MATCH (n) } - COUNT { MATCH (m:SchemaMigration) } AS nodes,
       COUNT { MATCH ()-[]->() } AS relationships, labels, graphs
