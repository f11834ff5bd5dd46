// Labels and properties of a graph's entities and chunks, for whoever asks for one that is not
// among them.
// Params: $graph, $limit (nodes that are looked at)
// Returns: labels, properties, nodes (that were looked at)
MATCH (n:Entity|Chunk {graph: $graph})
WITH n LIMIT toInteger($limit)
WITH count(*) AS nodes, collect(DISTINCT labels(n)) AS label_lists,
     collect(DISTINCT keys(n)) AS name_lists
RETURN reduce(all = [], some IN label_lists | all + [each IN some WHERE NOT each IN all]) AS labels,
       reduce(all = [], some IN name_lists | all + [each IN some WHERE NOT each IN all])
         AS properties,
       nodes
