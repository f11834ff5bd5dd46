// Keep what a person has decided on candidates, with the numbers that were before them.
// Params: $graph, $ids, $status, $by, $why
// Returns: decided
UNWIND $ids AS id
MATCH (c:Candidate {graph: $graph, id: id})
MERGE (d:Decision {graph: $graph, id: id})
SET d.head = c.head, d.relation = c.relation, d.tail = c.tail, d.status = $status, d.by = $by,
    d.why = $why, d.at = datetime(), d.confidence = c.confidence, d.features = c.features
SET c.decided = true, c.status = $status, c.applied = $status
REMOVE c.by, c.why
RETURN count(d) AS decided
