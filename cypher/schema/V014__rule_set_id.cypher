// One node a set of rules that were mined together.
// Params: none
// Returns: nothing
CREATE CONSTRAINT rule_set_id IF NOT EXISTS
FOR (s:RuleSet) REQUIRE s.id IS UNIQUE
