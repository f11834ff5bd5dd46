// One block of stream_triples of which some facts have a split and others none.
// Params: $graph, $first, $end (the block's range of nid, the end not in it)
// Returns: heads (nid), relations, tails (node number), splits ('' for none; all are parallel)
CYPHER 5
MATCH (h:Entity {graph: $graph})
WHERE h.nid >= $first AND h.nid < $end
MATCH (h)-[r:!PREDICTED]->(t)
RETURN collect(h.nid) AS heads, collect(type(r)) AS relations,
       collect(id(t)) AS tails, collect(coalesce(r.split, '')) AS splits
