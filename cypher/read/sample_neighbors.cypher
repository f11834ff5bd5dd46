// Of the asserted facts that end in given nodes, at most $limit a node, drawn without putting
// back: the facts are ordered by a polynomial of their number modulo a prime, whose coefficients
// the caller draws, so that a seed repeats the choice (Cypher's rand() takes none). A node with no
// more than $limit facts gives all. A node may be asked for several times; other salts make its
// draws independent.
// Params: $graph, $nodes (numbers), $nids, $salts (parallel), $limit, $a, $b, $c (from 0 to
//   $prime - 1), $prime (below 2^31)
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
  CALL (i, t) {
    MATCH (t)<-[r:!PREDICTED]-(h:Entity {graph: $graph})
    WITH r, h, (id(r) + 1 + $salts[i]) % $prime AS x
    ORDER BY (((($a * x + $b) % $prime) * x) % $prime + $c) % $prime * x % $prime
    LIMIT toInteger($limit)
    RETURN r, h
  }
  RETURN collect(i) AS at, collect(id(h)) AS heads, collect(type(r)) AS relations,
         collect(id(r)) AS edges
}
RETURN g.version AS version, size(there) AS found, at, heads, relations, edges
