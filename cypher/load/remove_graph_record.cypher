// Remove a graph's record, its prefixes and those of its loads: the last step of its removal.
// Params: $graph
// Returns: nothing
OPTIONAL MATCH (n:Load|Prefix {graph: $graph})
DETACH DELETE n
WITH count(*) AS others
MATCH (g:KnowledgeGraph {name: $graph})
DETACH DELETE g
