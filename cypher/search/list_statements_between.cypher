// Facts and predicted links that join the two entities of given pairs, in either direction, with
// where they come from: asserted before predicted, the surest first.
// Params: $graph, $ones, $others (parallel), $predicted (whether predicted links, too)
// Returns: at (place of the pair), head, head_name, relation, tail, tail_name, predicted,
//   confidence (or null), sources (or null), run (or null), evidence (ids of chunks, or null),
//   valid_from, valid_to (or null)
UNWIND range(0, size($ones) - 1) AS at
MATCH (a:Entity {graph: $graph, id: $ones[at]})
MATCH (b:Entity {graph: $graph, id: $others[at]})
MATCH (a)-[r]-(b)
WHERE $predicted OR NOT r:PREDICTED
WITH DISTINCT at, r, r:PREDICTED AS predicted,
     coalesce(CASE WHEN r:PREDICTED THEN r.relation END, type(r)) AS relation
ORDER BY at, predicted, coalesce(r.confidence, 1.0) DESC, relation
RETURN at, startNode(r).id AS head, startNode(r).name AS head_name, relation,
       endNode(r).id AS tail, endNode(r).name AS tail_name, predicted,
       r.confidence AS confidence, r.sources AS sources, r.run AS run, r.evidence AS evidence,
       r.valid_from AS valid_from, r.valid_to AS valid_to
