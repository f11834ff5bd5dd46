// Remove candidates that nothing supports any more. Their facts have been withdrawn before.
// Params: $graph, $ids
// Returns: removed
UNWIND $ids AS id
MATCH (c:Candidate {graph: $graph, id: id})
WHERE NOT EXISTS { (c)-[:EVIDENCE]->() }
DETACH DELETE c
RETURN count(*) AS removed
