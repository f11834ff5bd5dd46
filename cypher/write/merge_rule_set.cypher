// Record a set of rules that is about to be written.
// Params: $id, $record
// Returns: graph (of the set)
OPTIONAL MATCH (o:RuleSet)
WITH coalesce(max(o.serial), 0) AS last
MERGE (s:RuleSet {id: $id})
ON CREATE SET s += $record,
  s.serial = last + 1
RETURN s.graph AS graph
