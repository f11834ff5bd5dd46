// As sample_typed, of facts whose time is at most the one that is given with the node. A property
// holds the time: a whole number, or a date or time, which counts as seconds since 1970 UTC, UTC
// where it has no zone. A fact without one is taken first, so that the reader notices it.
// Params: $graph, $nodes (numbers), $nids, $untils, $salts (parallel), $time (the property),
//   $latest (whether the latest are taken; else any), $typed (whether $limit is one for each
//   relation and set of labels), $limit, $a, $b, $c (from 0 to $prime - 1), $prime (below 2^31)
// Returns: version (of the graph), found (how many of the nodes are there), at (positions in
//   $nodes), heads (numbers of nodes), relations, edges (numbers of relationships), keys,
//   times ('' for none)
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
  WITH i, r, h, r[$time] AS held
  WITH i, r, h, CASE
      WHEN held IS :: INTEGER THEN held
      WHEN held IS :: DATE THEN datetime({date: held, timezone: 'Z'}).epochSeconds
      WHEN held IS :: LOCAL DATETIME THEN datetime({datetime: held, timezone: 'Z'}).epochSeconds
      WHEN held IS :: ZONED DATETIME THEN held.epochSeconds
    END AS time
  WHERE coalesce(time <= $untils[i], true)
  WITH i, r, h, time, (id(r) + 1 + $salts[i]) % $prime AS x
  WITH i, r, h, time, (((($a * x + $b) % $prime) * x) % $prime + $c) % $prime * x % $prime AS key
  ORDER BY time IS NOT NULL, CASE WHEN $latest THEN -time END, key
  WITH i, CASE WHEN $typed THEN [type(r), labels(h)] END AS kind,
       collect([id(h), type(r), id(r), key, time])[..$limit] AS chosen
  UNWIND chosen AS fact
  RETURN collect(i) AS at, collect(fact[0]) AS heads, collect(fact[1]) AS relations,
         collect(fact[2]) AS edges, collect(fact[3]) AS keys, collect(coalesce(fact[4], '')) AS times
}
RETURN g.version AS version, size(there) AS found, at, heads, relations, edges, keys, times
