// The entities that most facts of a relation begin or end in; all that have as many as the first.
// Params: $graph, $first_inverse (whether facts that end in them count), $limit; marks: relation
// Returns: id, name, total (how many entities there are), facts (how many of each)
MATCH (x:Entity {graph: $graph})
WITH x, CASE WHEN $first_inverse THEN COUNT { (x)<-[:$$relation$$]-(:Entity) }
        ELSE COUNT { (x)-[:$$relation$$]->(:Entity) } END AS facts
WHERE facts > 0
ORDER BY facts DESC, x.name, x.id
WITH collect({x: x, facts: facts}) AS ends
WITH [end IN ends WHERE end.facts = ends[0].facts] AS ends
UNWIND ends[..toInteger($limit)] AS end
RETURN end.x.id AS id, end.x.name AS name, size(ends) AS total, end.facts AS facts
