// How many facts and predicted links each relation has, and between how many entities.
// Params: $graph
// Returns: relation, facts, heads, tails, predicted
MATCH (h:Entity {graph: $graph})-[r]->(t:Entity)
WITH CASE WHEN r:PREDICTED THEN r.relation ELSE type(r) END AS relation, r, h, t
RETURN relation,
       count(CASE WHEN NOT r:PREDICTED THEN 1 END) AS facts,
       count(DISTINCT CASE WHEN NOT r:PREDICTED THEN h END) AS heads,
       count(DISTINCT CASE WHEN NOT r:PREDICTED THEN t END) AS tails,
       count(CASE WHEN r:PREDICTED THEN 1 END) AS predicted
ORDER BY facts DESC, relation
