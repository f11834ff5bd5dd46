// How many entities each type has, and how many of them have a predicted link.
// Params: $graph
// Returns: type, entities, predicted
MATCH (e:Entity {graph: $graph})
WITH e, [label IN labels(e) WHERE label <> 'Entity'] AS types,
     EXISTS { (e)-[:PREDICTED]-() } AS predicted
UNWIND CASE WHEN types = [] THEN ['Entity'] ELSE types END AS type
RETURN type, count(*) AS entities, count(CASE WHEN predicted THEN 1 END) AS predicted
ORDER BY entities DESC, type
