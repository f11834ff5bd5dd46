// Remove the rules of a set, in batches.
// Params: $id (of the set)
// Returns: removed
MATCH (:RuleSet {id: $id})-[:HOLDS]->(r:Rule)
CALL (r) {
  DETACH DELETE r
} IN TRANSACTIONS OF 5000 ROWS
RETURN count(*) AS removed
