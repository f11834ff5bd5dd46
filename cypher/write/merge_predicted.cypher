// Write predicted links. One that has become an asserted fact since is skipped.
// Params: $run, $heads, $tails (element ids), $relations, $scores, $confidences, $ranks,
//   $supports (parallel; a support may be null)
// Returns: written, known
UNWIND range(0, size($heads) - 1) AS i
MATCH (h) WHERE elementId(h) = $heads[i]
MATCH (t) WHERE elementId(t) = $tails[i]
WITH i, h, t, EXISTS { (h)-[r]->(t) WHERE type(r) = $relations[i] } AS known
FOREACH (j IN CASE WHEN known THEN [] ELSE [i] END |
  MERGE (h)-[p:PREDICTED {run: $run, relation: $relations[j]}]->(t)
  SET p.score = $scores[j], p.confidence = $confidences[j], p.rank = $ranks[j],
      p.support = $supports[j]
)
RETURN count(CASE WHEN NOT known THEN 1 END) AS written,
       count(CASE WHEN known THEN 1 END) AS known
