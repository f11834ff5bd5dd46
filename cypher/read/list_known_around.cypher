// What is asserted of two entities: the facts between them, and others of each, few of a relation.
// Params: $graph, $head, $tail, $limit (of each)
// Returns: between (relation and direction), of_head, of_tail (a text a fact)
OPTIONAL MATCH (h:Entity {graph: $graph, id: $head})
OPTIONAL MATCH (t:Entity {graph: $graph, id: $tail})
RETURN COLLECT {
         MATCH (h)-[r:!PREDICTED]-(t)
         RETURN DISTINCT CASE WHEN startNode(r) = h THEN type(r) + ' →' ELSE type(r) + ' ←' END
           AS said
         ORDER BY said
       } AS between,
       COLLECT {
         MATCH (h)-[r:!PREDICTED&!MENTIONED_IN]-(o:Entity)
         WITH CASE WHEN startNode(r) = h THEN type(r) + ' → ' ELSE type(r) + ' ← ' END + o.name
           AS said
         RETURN DISTINCT said ORDER BY said LIMIT toInteger($limit)
       } AS of_head,
       COLLECT {
         MATCH (t)-[r:!PREDICTED&!MENTIONED_IN]-(o:Entity)
         WITH CASE WHEN startNode(r) = t THEN type(r) + ' → ' ELSE type(r) + ' ← ' END + o.name
           AS said
         RETURN DISTINCT said ORDER BY said LIMIT toInteger($limit)
       } AS of_tail
