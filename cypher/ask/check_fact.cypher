// The facts that say of two entities that a relation joins them.
// Params: $graph, $id, $other (entity_ids), $first (the relation), $first_inverse (whether it
//   is from the other one to the first), $predicted (whether predicted links, too); marks: relation
// Returns: id, name (of the other one), total (how many facts), paths (lists of a fact)
MATCH (e:Entity {graph: $graph, id: $id})
MATCH (x:Entity {graph: $graph, id: $other})
MATCH (e)-[r:$$relation$$|PREDICTED]-(x)
WHERE (startNode(r) = x) = $first_inverse
  AND (NOT r:PREDICTED OR ($predicted AND r.relation = $first))
WITH x, collect(r) AS facts
RETURN x.id AS id, x.name AS name, size(facts) AS total,
       [f IN facts | [{
         head: startNode(f).id, head_name: startNode(f).name,
         relation: coalesce(CASE WHEN f:PREDICTED THEN f.relation END, type(f)),
         tail: endNode(f).id, tail_name: endNode(f).name, predicted: f:PREDICTED,
         confidence: f.confidence, sources: f.sources, run: f.run, evidence: f.evidence,
         valid_from: f.valid_from, valid_to: f.valid_to
       }]] AS paths
