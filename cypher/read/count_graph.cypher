// What a graph holds, its relationships to other graphs' entities included.
// Params: $graph
// Returns: records, entities, facts, documents
RETURN COUNT { MATCH (:KnowledgeGraph {name: $graph}) } AS records,
       COUNT { MATCH (:Entity {graph: $graph}) } AS entities,
       COUNT { MATCH (:Entity {graph: $graph})-[:!PREDICTED]->() } AS facts,
       COUNT { MATCH (:Document {graph: $graph}) } AS documents
