// Entities of a graph that something else than a load made: an export would miss them.
// Params: $graph
// Returns: entities, example (an id, or null)
MATCH (e:Entity {graph: $graph})
WHERE e.nid IS NULL
RETURN count(e) AS entities, min(e.id) AS example
