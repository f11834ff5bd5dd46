// What is predicted of an entity beside what is asserted of it; a link of several runs once.
// Params: $graph, $entity (id or name)
// Returns: relation, direction, asserted (names), predicted (name and confidence, best first)
MATCH (e:Entity {graph: $graph})
WHERE e.id = $entity OR e.name = $entity
MATCH (e)-[r]-(other:Entity)
WITH other, r:PREDICTED AS is_predicted,
     CASE WHEN r:PREDICTED THEN r.relation ELSE type(r) END AS relation,
     CASE WHEN startNode(r) = e THEN 'out' ELSE 'in' END AS direction,
     max(coalesce(r.confidence, 1.0)) AS confidence
ORDER BY confidence DESC, other.name
WITH relation, direction,
     collect(CASE WHEN NOT is_predicted THEN other.name END) AS asserted,
     collect(CASE WHEN is_predicted
             THEN other.name + ' (' + toString(round(confidence, 2)) + ')' END) AS predicted
RETURN relation, direction, asserted, predicted
ORDER BY size(predicted) DESC, size(asserted) DESC
