// The prefixes by which a graph's ids and relations stand for IRIs.
// Params: $graph
// Returns: prefix, namespace
MATCH (p:Prefix {graph: $graph})
RETURN p.prefix AS prefix, p.namespace AS namespace
ORDER BY prefix
