// Keep on entities what texts say of them, accepted or staged, the surest first, where Browser
// shows it. Of more than $limit, the surest.
// Params: $graph, $ids, $limit
// Returns: nothing
UNWIND $ids AS id
OPTIONAL MATCH (known:Entity {graph: $graph, id: id})
OPTIONAL MATCH (new:NewEntity {graph: $graph, id: id})
WITH id, coalesce(known, new) AS e
WHERE e IS NOT NULL
WITH e, COLLECT {
  CALL (id) {
    MATCH (c:Candidate {graph: $graph, head: id})
    WHERE c.status IN ['accepted', 'staged']
    RETURN c, c.relation + ' → ' AS way, c.tail AS other
    UNION ALL
    MATCH (c:Candidate {graph: $graph, tail: id})
    WHERE c.status IN ['accepted', 'staged']
    RETURN c, c.relation + ' ← ' AS way, c.head AS other
  }
  OPTIONAL MATCH (a:Entity {graph: $graph, id: other})
  OPTIONAL MATCH (b:NewEntity {graph: $graph, id: other})
  WITH c.confidence AS confidence, c.status AS status, way,
       coalesce(a.name, b.name, other) AS name,
       toInteger(round(100 * c.confidence)) AS share
  WITH confidence,
       way + name + ' (' + CASE
         WHEN share >= 100 THEN '1.00'
         ELSE '0.' + right('0' + toString(share), 2)
       END + CASE status WHEN 'staged' THEN ', staged)' ELSE ')' END AS said
  RETURN said ORDER BY confidence DESC, said LIMIT toInteger($limit)
} AS facts
SET e.llm_facts = CASE WHEN size(facts) > 0 THEN facts END
