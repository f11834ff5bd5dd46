// Entities that only texts know, and of these only given documents.
// Params: $graph, $documents
// Returns: ids
UNWIND $documents AS document
MATCH (d:Document {graph: $graph, id: document})<-[:PART_OF]-(:Chunk)
      <-[:MENTIONED_IN]-(e:Entity|NewEntity)
WHERE e:NewEntity OR e.sources = ['llm']
WITH DISTINCT e
WHERE NOT EXISTS {
  MATCH (e)-[:MENTIONED_IN]->(:Chunk)-[:PART_OF]->(other:Document)
  WHERE NOT other.id IN $documents
}
RETURN collect(e.id) AS ids
