// As sample_neighbors, but at most $limit facts for each node, relation and set of labels at the
// other end. The keys go along, so that the reader can join sets of labels and still take those
// with the least keys.
// Params: $graph, $nodes (numbers), $nids, $salts (parallel), $limit, $a, $b, $c (from 0 to
//   $prime - 1), $prime (below 2^31)
// Returns: version (of the graph), found (how many of the nodes are there), at (positions in
//   $nodes), heads (numbers of nodes), relations, edges (numbers of relationships), keys
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
  MATCH (t)<-[r:!PREDICTED]-(h:Entity {graph: $graph})
  WITH i, r, h, (id(r) + 1 + $salts[i]) % $prime AS x
  WITH i, r, h, (((($a * x + $b) % $prime) * x) % $prime + $c) % $prime * x % $prime AS key
  ORDER BY key
  WITH i, type(r) AS relation, labels(h) AS types, collect([id(h), id(r), key])[..$limit] AS chosen
  UNWIND chosen AS fact
  RETURN collect(i) AS at, collect(fact[0]) AS heads, collect(relation) AS relations,
         collect(fact[1]) AS edges, collect(fact[2]) AS keys
}
RETURN g.version AS version, size(there) AS found, at, heads, relations, edges, keys
