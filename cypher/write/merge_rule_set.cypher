// Record a set of rules that is about to be written.
// Params: $id, $record
// Returns: graph (of the set)
MERGE (s:RuleSet {id: $id})
ON CREATE SET s += $record,
  s.serial = 1 + coalesce(COLLECT { MATCH (o:RuleSet) RETURN max(o.serial) }[0], 0)
RETURN s.graph AS graph
