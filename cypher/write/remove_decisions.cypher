// Forget what people have decided on facts, so that the policy holds again.
// Params: $graph, $ids
// Returns: removed
UNWIND $ids AS id
OPTIONAL MATCH (c:Candidate {graph: $graph, id: id})
SET c.decided = null
WITH id
MATCH (d:Decision {graph: $graph, id: id})
DELETE d
RETURN count(*) AS removed
