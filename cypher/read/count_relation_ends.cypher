// How many tails the heads of a relation have, and how many facts stand in both directions.
// Params: $graph; marks: relation
// Returns: heads, single (heads with one tail), facts (different pairs), returned (of these, those
//   that stand the other way round, too)
MATCH (h:Entity {graph: $graph})-[:$$relation$$]->(t:Entity {graph: $graph})
WITH h, count(DISTINCT t) AS tails,
     count(DISTINCT CASE WHEN EXISTS { (t)-[:$$relation$$]->(h) } THEN t END) AS back
RETURN count(h) AS heads, sum(CASE WHEN tails = 1 THEN 1 ELSE 0 END) AS single,
       sum(tails) AS facts, sum(back) AS returned
