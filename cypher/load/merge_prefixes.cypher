// Keep the prefixes by which a graph's ids and relations stand for IRIs.
// Params: $graph, $prefixes, $namespaces (parallel)
// Returns: nothing
UNWIND range(0, size($prefixes) - 1) AS i
MERGE (p:Prefix {graph: $graph, prefix: $prefixes[i]})
ON CREATE SET p.namespace = $namespaces[i]
