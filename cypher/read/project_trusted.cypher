// The asserted facts of a graph without those that texts alone claim: what candidates are judged by.
// Params: $graph
// Returns: head, relation, tail
MATCH (h:Entity {graph: $graph})-[r:!PREDICTED&!MENTIONED_IN]->(t:Entity {graph: $graph})
WHERE r.sources IS NULL OR r.sources <> ['llm']
RETURN h.id AS head, type(r) AS relation, t.id AS tail
