// Record the run and its set of vectors, not yet active; resume where a cut write stopped.
// Params: $run, $run_properties, $name, $set_properties
// Returns: written (vectors that are in already), label, key, graph (of the set's nodes)
MERGE (r:Run {id: $run})
SET r += $run_properties
MERGE (s:EmbeddingSet {name: $name})
ON CREATE SET s += $set_properties, s.active = false, s.written = 0
MERGE (r)-[:WROTE]->(s)
RETURN s.written AS written, s.label AS label, s.key AS key, s.graph AS graph
