// Facts that begin or end in given entities, with how sure they are.
// Params: $graph, $ids, $predicted (whether predicted links, too)
// Returns: id (one of those given), head, relation, tail, name (of the other end), confidence (or
//   null), predicted
UNWIND $ids AS id
MATCH (e:Entity {graph: $graph, id: id})-[r]-(other:Entity {graph: $graph})
WHERE $predicted OR NOT r:PREDICTED
RETURN id, startNode(r).id AS head,
       coalesce(CASE WHEN r:PREDICTED THEN r.relation END, type(r)) AS relation,
       endNode(r).id AS tail, other.name AS name, r.confidence AS confidence,
       r:PREDICTED AS predicted
