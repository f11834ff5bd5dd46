// Remove the rules of a set, in batches.
// Params: $id (of the set), $rows (a transaction)
// Returns: removed
MATCH (:RuleSet {id: $id})-[:HOLDS]->(r:Rule)
CALL (r) {
  DETACH DELETE r
} IN TRANSACTIONS OF $rows ROWS
RETURN count(*) AS removed
