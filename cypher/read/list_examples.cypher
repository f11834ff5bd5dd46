// Entities to show a graph by: those with predicted links first, then those with some twenty
// facts, which are enough to see and not too many to draw, among the first of the graph.
// Params: $graph, $among (how many are looked at), $limit
// Returns: id, name, types, facts, predicted
MATCH (e:Entity {graph: $graph})
WITH e LIMIT toInteger($among)
WITH e, COUNT { (e)-[:!PREDICTED]-(:Entity) } AS facts,
     COUNT { (e)-[:PREDICTED]-(:Entity) } AS predicted
RETURN e.id AS id, coalesce(e.name, e.id) AS name,
       [label IN labels(e) WHERE label <> 'Entity'] AS types, facts, predicted
ORDER BY predicted > 0 DESC, abs(facts - 20), id
LIMIT toInteger($limit)
