// The projection that the demo trains on: all facts of the graph of countries but their time
// zones, which follow from where a country lies.
// Params: $graph
// Returns: head, relation, tail
MATCH (h:Entity {graph: $graph})-[r:!PREDICTED&!IN_TIMEZONE]->(t:Entity)
RETURN h.id AS head, type(r) AS relation, t.id AS tail
