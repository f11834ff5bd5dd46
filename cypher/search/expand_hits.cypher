// What entities and chunks are, and a step along the graph from each: facts and predicted links of
// entities, asserted ones first and those to what has the fewest; the entities that chunks
// mention. Of an entity with very many facts, some are looked at.
// Params: $graph, $entities, $chunks (ids), $looked_at (relationships of each at most),
//   $most (facts of each at most)
// Returns: id, chunk (whether it is one), name, labels, text, source (of a chunk, or null), facts (head, head_name, relation, tail, tail_name, predicted, confidence, sources, run,
//   evidence, valid_from, valid_to, degree of the other end), mentions (id, name, degree)
CALL () {
  UNWIND $entities AS id
  MATCH (e:Entity {graph: $graph, id: id})
  CALL (e) {
    MATCH (e)-[r]-(other:Entity {graph: $graph})
    WITH r, other LIMIT toInteger($looked_at)
    WITH r, other, r:PREDICTED AS predicted, COUNT { (other)--() } AS degree,
         coalesce(CASE WHEN r:PREDICTED THEN r.relation END, type(r)) AS relation
    ORDER BY predicted, degree, relation, other.id
    LIMIT toInteger($most)
    RETURN collect({
      head: startNode(r).id, head_name: startNode(r).name, relation: relation,
      tail: endNode(r).id, tail_name: endNode(r).name, predicted: predicted,
      confidence: r.confidence, sources: r.sources, run: r.run, evidence: r.evidence,
      valid_from: r.valid_from, valid_to: r.valid_to, degree: degree
    }) AS facts
  }
  RETURN e AS node, null AS document, facts, [] AS mentions
  UNION ALL
  UNWIND $chunks AS id
  MATCH (c:Chunk {graph: $graph, id: id})
  OPTIONAL MATCH (c)-[:PART_OF]->(d:Document)
  CALL (c) {
    MATCH (other:Entity {graph: $graph})-[:MENTIONED_IN]->(c)
    WITH DISTINCT other, COUNT { (other)--() } AS degree
    ORDER BY degree, other.id
    LIMIT toInteger($most)
    RETURN collect({id: other.id, name: other.name, degree: degree}) AS mentions
  }
  RETURN c AS node, d AS document, [] AS facts, mentions
}
RETURN node.id AS id, node:Chunk AS chunk, coalesce(document.title, node.name) AS name,
       labels(node) AS labels, coalesce(node.text, node.description) AS text,
       coalesce(document.uri, document.id) AS source, facts, mentions
