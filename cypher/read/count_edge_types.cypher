// Relations with the labels of both ends, and how many asserted facts each has.
// Params: $graph
// Returns: heads (labels), relation, tails (labels), facts
MATCH (h:Entity {graph: $graph})-[r:!PREDICTED]->(t:Entity {graph: $graph})
RETURN labels(h) AS heads, type(r) AS relation, labels(t) AS tails, count(*) AS facts
