// Write rules of a set; one that is there is set to the same again.
// Params: $id (of the set), $graph, $ids (of the rules), $properties (parallel)
// Returns: written
MATCH (s:RuleSet {id: $id})
UNWIND range(0, size($ids) - 1) AS i
MERGE (r:Rule {graph: $graph, id: $ids[i]})
SET r += $properties[i]
MERGE (s)-[:HOLDS]->(r)
RETURN count(r) AS written
