// The rules that were mined from a graph and written into it, the surest first.
// Params: $graph, $limit (e.g. 50)
// Returns: rule, confidence, support, body_size, coverage
MATCH (:RuleSet {graph: $graph})-[:HOLDS]->(rule:Rule)
RETURN rule.name AS rule, rule.confidence AS confidence, rule.support AS support,
       rule.body_size AS body_size, rule.coverage AS coverage
ORDER BY confidence DESC, support DESC, rule
LIMIT toInteger($limit)
