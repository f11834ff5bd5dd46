// How much of what a graph holds.
// Params: $graph
// Returns: entities, facts, predicted, documents, chunks, staged, accepted, rejected, answers, rules
RETURN COUNT { MATCH (:Entity {graph: $graph}) } AS entities,
       COUNT { MATCH (:Entity {graph: $graph})-[:!PREDICTED]->(:Entity) } AS facts,
       COUNT { MATCH (:Entity {graph: $graph})-[:PREDICTED]->(:Entity) } AS predicted,
       COUNT { MATCH (:Document {graph: $graph}) } AS documents,
       COUNT { MATCH (:Chunk {graph: $graph}) } AS chunks,
       COUNT { MATCH (:Candidate {graph: $graph, status: 'staged'}) } AS staged,
       COUNT { MATCH (:Candidate {graph: $graph, status: 'accepted'}) } AS accepted,
       COUNT { MATCH (:Candidate {graph: $graph, status: 'rejected'}) } AS rejected,
       COUNT { MATCH (:Answer {graph: $graph}) } AS answers,
       COUNT { MATCH (:RuleSet {graph: $graph})-[:HOLDS]->(:Rule) } AS rules
