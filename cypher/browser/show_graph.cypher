// A piece of a graph as it was loaded: some of its asserted facts, drawn.
// Params: $graph, $limit (e.g. 100)
// Returns: head, fact, tail
MATCH (head:Entity {graph: $graph})-[fact:!PREDICTED]->(tail:Entity)
RETURN head, fact, tail
LIMIT toInteger($limit)
