// Facts and predicted links that begin or end in given entities, with where they come from: the
// surest of each entity first, asserted before predicted.
// Params: $graph, $ids, $predicted (whether predicted links, too), $relations (empty for all),
//   $limit (most of an entity)
// Returns: id (one of those given), head, head_name, relation, tail, tail_name, predicted,
//   confidence (or null), sources (or null), run (or null), evidence (ids of chunks, or null),
//   valid_from, valid_to (or null)
UNWIND $ids AS id
MATCH (e:Entity {graph: $graph, id: id})
CALL (e) {
  MATCH (e)-[r]-(:Entity {graph: $graph})
  WITH r, r:PREDICTED AS predicted,
       coalesce(CASE WHEN r:PREDICTED THEN r.relation END, type(r)) AS relation
  WHERE ($predicted OR NOT predicted) AND (size($relations) = 0 OR relation IN $relations)
  RETURN DISTINCT r, relation, predicted
  ORDER BY predicted, coalesce(r.confidence, 1.0) DESC, relation,
           startNode(r).id, endNode(r).id
  LIMIT toInteger($limit)
}
RETURN id, startNode(r).id AS head, startNode(r).name AS head_name, relation,
       endNode(r).id AS tail, endNode(r).name AS tail_name, predicted,
       r.confidence AS confidence, r.sources AS sources, r.run AS run, r.evidence AS evidence,
       r.valid_from AS valid_from, r.valid_to AS valid_to
