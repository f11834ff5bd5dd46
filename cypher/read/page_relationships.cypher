// All relationships of a database with their ends, by ranges of the server's own numbers.
// Planned anew each time, as page_nodes is.
// Params: $first, $last, $key (the property that names a node)
// Returns: identity, type, properties, head, head_labels, head_key, tail, tail_labels, tail_key
CYPHER 5 replan=force
MATCH (a)-[r]->(b)
WHERE id(r) IN range($first, $last)
RETURN id(r) AS identity, type(r) AS type, properties(r) AS properties,
       id(a) AS head, labels(a) AS head_labels, a[$key] AS head_key,
       id(b) AS tail, labels(b) AS tail_labels, b[$key] AS tail_key
