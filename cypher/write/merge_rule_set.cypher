// Record a set of rules that is about to be written.
// Params: $id, $record
// Returns: graph (of the set)
MERGE (s:RuleSet {id: $id})
ON CREATE SET s += $record
RETURN s.graph AS graph
