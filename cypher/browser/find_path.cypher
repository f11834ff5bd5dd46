// The shortest chain of asserted facts between two entities, drawn as a graph.
// shortestPath, not SHORTEST 1: on 5.26 the latter takes minutes where hubs are near.
// Params: $graph, $from (id or name), $to (id or name)
// Returns: path
MATCH (a:Entity {graph: $graph})
WHERE a.id = $from OR a.name = $from
MATCH (b:Entity {graph: $graph})
WHERE (b.id = $to OR b.name = $to) AND b <> a
MATCH path = shortestPath((a)-[*..8]-(b))
WHERE all(r IN relationships(path) WHERE NOT r:PREDICTED)
  AND all(n IN nodes(path) WHERE n:Entity)
RETURN path
