// Properties of given entities, a list an entity, in the order of $names; null where one has none.
// Params: $graph, $nodes (numbers), $nids (parallel), $names
// Returns: version (of the graph), at (positions in $nodes), values
CYPHER 5
MATCH (g:KnowledgeGraph {name: $graph})
CALL () {
  UNWIND range(0, size($nodes) - 1) AS i
  MATCH (e:Entity) WHERE id(e) = $nodes[i] AND e.nid = $nids[i]
  RETURN collect(i) AS at, collect([name IN $names | e[name]]) AS values
}
RETURN g.version AS version, at, values
