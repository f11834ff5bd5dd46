// Pairs of names that were, or may be, taken for one entity's, the most doubtful first.
// Params: $graph, $status, $limit
// Returns: id, kept, other, kept_name, other_name, document, score, reason
MATCH (p:NamePair {graph: $graph, status: $status})
RETURN p.id AS id, p.kept AS kept, p.other AS other, p.kept_name AS kept_name,
       p.other_name AS other_name, p.document AS document, p.score AS score, p.reason AS reason
ORDER BY score, id
LIMIT toInteger($limit)
