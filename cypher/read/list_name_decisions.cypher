// What people have decided on pairs of names of documents.
// Params: $graph, $documents
// Returns: status, kept, other, name (of the other), document
MATCH (p:NamePair {graph: $graph})
WHERE p.status IN ['split', 'joined'] AND p.document IN $documents
RETURN p.status AS status, p.kept AS kept, p.other AS other, p.other_name AS name,
       p.document AS document
ORDER BY p.id
