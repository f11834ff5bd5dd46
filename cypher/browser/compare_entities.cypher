// What two entities have in common, the rarest first.
// Params: $graph, $entity (id or name), $other (id or name)
// Returns: relation, direction (of both facts), common, facts (how many the common one has)
MATCH (a:Entity {graph: $graph})
WHERE a.id = $entity OR a.name = $entity
MATCH (b:Entity {graph: $graph})
WHERE b.id = $other OR b.name = $other
MATCH (a)-[r:!PREDICTED]-(common:Entity)-[s:!PREDICTED]-(b)
WHERE type(r) = type(s) AND (startNode(r) = a) = (startNode(s) = b)
RETURN DISTINCT type(r) AS relation,
       CASE WHEN startNode(r) = a THEN 'out' ELSE 'in' END AS direction,
       common.name AS common, COUNT { (common)-[:!PREDICTED]-(:Entity) } AS facts
ORDER BY facts, relation, common
