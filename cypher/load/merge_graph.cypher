// Make the record of a graph if there is none yet; one that is there stays as it is.
// Params: $graph
// Returns: nothing
MERGE (g:KnowledgeGraph {name: $graph})
ON CREATE SET g.next_nid = 0, g.version = 0
