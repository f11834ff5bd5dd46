// Record the run and its set of vectors, not yet active; resume where a cut write stopped. What
// was written without bytes is written anew where they are wanted. The run's serial number is that
// of write/merge_run.
// Params: $run, $run_properties, $name, $set_properties, $bytes (whether they are wanted)
// Returns: written (vectors that are in already), bytes, label, key, graph (of the set's nodes)
OPTIONAL MATCH (o:Run)
WITH coalesce(max(o.serial), 0) AS last
MERGE (r:Run {id: $run})
ON CREATE SET r.serial = last + 1
SET r += $run_properties
MERGE (s:EmbeddingSet {name: $name})
ON CREATE SET s += $set_properties, s.active = false, s.written = 0, s.bytes = $bytes
MERGE (r)-[:WROTE]->(s)
SET s.written = CASE WHEN $bytes AND NOT coalesce(s.bytes, false) THEN 0 ELSE s.written END
SET s.bytes = $bytes OR coalesce(s.bytes, false)
RETURN s.written AS written, s.bytes AS bytes, s.label AS label, s.key AS key, s.graph AS graph
