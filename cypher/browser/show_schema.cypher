// The shape of a graph: which types of entities are joined by which relations.
// Params: $graph
// Returns: head_type, relation, tail_type, facts
MATCH (h:Entity {graph: $graph})-[r:!PREDICTED]->(t:Entity)
RETURN coalesce(head([label IN labels(h) WHERE label <> 'Entity']), 'Entity') AS head_type,
       type(r) AS relation,
       coalesce(head([label IN labels(t) WHERE label <> 'Entity']), 'Entity') AS tail_type,
       count(*) AS facts
ORDER BY facts DESC, head_type, relation
