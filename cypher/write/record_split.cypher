// Note on a graph's record how its facts were split; null takes a note back.
// Params: $graph, $record (split_by, split_seed, split_valid, split_test)
// Returns: nothing
MATCH (g:KnowledgeGraph {name: $graph})
SET g += $record
