// Decide on pairs of names: one entity's (joined) or not (split). Their documents are read again by the
// next extraction, which does so.
// Params: $graph, $ids, $status
// Returns: decided
UNWIND $ids AS id
MATCH (p:NamePair {graph: $graph, id: id})
SET p.status = $status
WITH p
OPTIONAL MATCH (d:Document {graph: $graph, id: p.document})
SET d.extractions = [each IN d.extractions WHERE NOT each STARTS WITH p.run + '@'] + (p.run + '@')
RETURN count(DISTINCT p) AS decided
