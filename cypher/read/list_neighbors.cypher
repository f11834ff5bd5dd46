// All asserted facts that end in given nodes, as four parallel lists. The nodes are found by
// number, and by nid, should the number have gone to another since it was read.
// Params: $graph, $nodes (numbers), $nids (parallel)
// Returns: version (of the graph), found (how many of the nodes are there), at (positions in
//   $nodes), heads (numbers of nodes), relations, edges (numbers of relationships)
CYPHER 5
MATCH (g:KnowledgeGraph {name: $graph})
CALL () {
  UNWIND range(0, size($nodes) - 1) AS i
  MATCH (t:Entity) WHERE id(t) = $nodes[i] AND t.nid = $nids[i]
  RETURN collect([i, t]) AS there
}
CALL (there) {
  UNWIND there AS one
  WITH one[0] AS i, one[1] AS t
  MATCH (t)<-[r:!PREDICTED]-(h)
  RETURN collect(i) AS at, collect(id(h)) AS heads, collect(type(r)) AS relations,
         collect(id(r)) AS edges
}
RETURN g.version AS version, size(there) AS found, at, heads, relations, edges
