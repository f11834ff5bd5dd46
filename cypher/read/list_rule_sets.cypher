// Sets of rules that were written, the newest first.
// Params: none
// Returns: id, graph, rules
MATCH (s:RuleSet)
RETURN s.id AS id, s.graph AS graph, COUNT { (s)-[:HOLDS]->(:Rule) } AS rules
ORDER BY coalesce(s.serial, 0) DESC, s.created DESC, id DESC
