// Remove pairs of names of documents that are read anew; those that a person decided on stay.
// Params: $graph, $run, $documents
// Returns: removed
MATCH (p:NamePair {graph: $graph, run: $run})
WHERE p.document IN $documents AND p.status IN ['merged', 'doubtful']
DELETE p
RETURN count(*) AS removed
