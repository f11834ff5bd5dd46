// The asserted facts whose ends are the least alike for their relation: rare ones, or wrong.
// Alike by the active vectors. Reads every fact of the graph.
// Params: $graph, $limit (e.g. 25)
// Returns: head, relation, tail, similarity (0 to 1), usual (mean of the relation)
MATCH (set:EmbeddingSet {graph: $graph, label: 'Entity', active: true})
WITH set ORDER BY set.kind = 'image', set.kind, set.created DESC LIMIT 1
MATCH (h:Entity {graph: $graph})-[r:!PREDICTED]->(t:Entity)
WHERE h[set.property] IS NOT NULL AND t[set.property] IS NOT NULL
WITH r, vector.similarity.cosine(h[set.property], t[set.property]) AS similarity
WITH type(r) AS relation, avg(similarity) AS usual, collect({fact: r, similarity: similarity}) AS facts
UNWIND facts AS f
WITH relation, usual, f.fact AS fact, f.similarity AS similarity
ORDER BY similarity - usual
LIMIT toInteger($limit)
RETURN startNode(fact).name AS head, relation, endNode(fact).name AS tail, similarity, usual
