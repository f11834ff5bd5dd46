// Where a relation leads from an entity.
// Params: $graph, $id, $first (the relation), $first_inverse (whether from tail to head),
//   $predicted (whether over predicted links, too), $limit; marks: relation
// Returns: id, name, total (how many ends there are), paths (up to three to each end, lists of
//   facts in the order in which they are walked)
MATCH (e:Entity {graph: $graph, id: $id})
MATCH (e)-[r:$$relation$$|PREDICTED]-(x:Entity {graph: $graph})
WHERE (startNode(r) = x) = $first_inverse
  AND (NOT r:PREDICTED OR ($predicted AND r.relation = $first))
WITH x, collect([r]) AS ways
ORDER BY x.name, x.id
WITH collect({x: x, ways: ways}) AS ends
UNWIND ends[..toInteger($limit)] AS end
RETURN end.x.id AS id, end.x.name AS name, size(ends) AS total,
       [way IN end.ways[..3] | [f IN way | {
         head: startNode(f).id, head_name: startNode(f).name,
         relation: coalesce(CASE WHEN f:PREDICTED THEN f.relation END, type(f)),
         tail: endNode(f).id, tail_name: endNode(f).name, predicted: f:PREDICTED,
         confidence: f.confidence, sources: f.sources, run: f.run, evidence: f.evidence,
         valid_from: f.valid_from, valid_to: f.valid_to
       }]] AS paths
