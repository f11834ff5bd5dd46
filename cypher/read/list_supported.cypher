// The candidates that an extraction has found in documents.
// Params: $graph, $run, $documents
// Returns: ids
UNWIND $documents AS document
MATCH (d:Document {graph: $graph, id: document})<-[:PART_OF]-(:Chunk)
      <-[:EVIDENCE {run: $run}]-(c:Candidate)
RETURN collect(DISTINCT c.id) AS ids
