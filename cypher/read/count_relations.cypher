// How many asserted facts each relation has, the most frequent first.
// Params: $graph
// Returns: relation, facts
MATCH (:Entity {graph: $graph})-[r:!PREDICTED]->(:Entity)
RETURN type(r) AS relation, count(*) AS facts
ORDER BY facts DESC, relation
