// Properties of given facts, a list a fact, in the order of $names; null where one has none.
// Params: $graph, $edges (numbers of relationships), $names
// Returns: version (of the graph), at (positions in $edges), values
CYPHER 5
MATCH (g:KnowledgeGraph {name: $graph})
CALL () {
  UNWIND range(0, size($edges) - 1) AS i
  MATCH (h:Entity)-[r:!PREDICTED]->() WHERE id(r) = $edges[i] AND h.graph = $graph
  RETURN collect(i) AS at, collect([name IN $names | r[name]]) AS values
}
RETURN g.version AS version, at, values
