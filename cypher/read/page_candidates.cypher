// Candidates in the order of their ids, those that a person has decided on left out.
// Params: $graph, $after (an id; '' to begin), $limit
// Returns: ids
MATCH (c:Candidate {graph: $graph})
WHERE c.id > $after AND c.decided IS NULL
WITH c.id AS id ORDER BY id LIMIT toInteger($limit)
RETURN collect(id) AS ids
