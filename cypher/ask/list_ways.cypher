// By which relations facts and predicted links begin or end in entities, and the entities' labels.
// Params: $graph, $ids
// Returns: id, labels, ways (a list of relation, inverse and how many facts)
UNWIND $ids AS id
MATCH (e:Entity {graph: $graph, id: id})
CALL (e) {
  MATCH (e)-[r]-(:Entity {graph: $graph})
  WITH coalesce(CASE WHEN r:PREDICTED THEN r.relation END, type(r)) AS relation,
       startNode(r) <> e AS inverse, count(*) AS facts
  RETURN collect([relation, inverse, facts]) AS ways
}
RETURN id, labels(e) AS labels, ways
