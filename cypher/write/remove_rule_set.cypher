// Remove the record of a set of rules, after its rules.
// Params: $id
// Returns: nothing
MATCH (s:RuleSet {id: $id})
DETACH DELETE s
