// Shortest paths between two entities, whatever the direction of the facts on them.
// allShortestPaths, not SHORTEST k GROUPS: on 5.26 the latter takes minutes where hubs are near.
// Params: $graph, $from, $to, $predicted (whether over predicted links, too), $limit,
//   $without (facts that no path takes: head, relation, tail each)
// Returns: ids (of the entities in order), names, facts (head, relation, tail, confidence or null,
//   whether predicted)
MATCH (a:Entity {graph: $graph, id: $from})
MATCH (b:Entity {graph: $graph, id: $to})
MATCH path = allShortestPaths((a)-[*..10]-(b))
WHERE all(r IN relationships(path) WHERE ($predicted OR NOT r:PREDICTED) AND NOT [
        startNode(r).id, coalesce(CASE WHEN r:PREDICTED THEN r.relation END, type(r)),
        endNode(r).id
      ] IN $without)
  AND all(n IN nodes(path) WHERE n:Entity)
RETURN [n IN nodes(path) | n.id] AS ids,
       [n IN nodes(path) | n.name] AS names,
       [r IN relationships(path) | [
         startNode(r).id, coalesce(CASE WHEN r:PREDICTED THEN r.relation END, type(r)),
         endNode(r).id, r.confidence, r:PREDICTED
       ]] AS facts
LIMIT $limit
