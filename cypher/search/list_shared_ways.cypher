// Ways from a user over something liked to an item: by a fact between the two, or by two facts of
// one relation and direction that they share another entity with (a genre, or a user who likes
// both). A way's chance is that a walk from the user that takes any relationship at each step, all
// alike, goes it: one by the number of relationships at each entity that it leaves.
// Params: $graph, $user, $relation, $heads (ids of what is liked), $tails (those
// of items, parallel), $limit (most ways of a pair by one relation)
// Returns: item, chance, facts (those of the way in order: head, head_name, relation, tail,
//   tail_name, predicted, confidence, sources, run, evidence, valid_from, valid_to)
UNWIND range(0, size($heads) - 1) AS place
MATCH (u:Entity {graph: $graph, id: $user})
MATCH (j:Entity {graph: $graph, id: $heads[place]})
MATCH (i:Entity {graph: $graph, id: $tails[place]})
CALL (u, j, i) {
  MATCH (u)-[a]->(j)
  WHERE type(a) = $relation
  WITH u, j, i, a
  LIMIT 1
  CALL (u, j, i, a) {
    MATCH (j)-[b:!PREDICTED]-(i)
    RETURN [a, b] AS way, 1.0 AS last
    UNION ALL
    MATCH (j)-[b:!PREDICTED]-(x:Entity {graph: $graph})-[c:!PREDICTED]-(i)
    WHERE type(b) = type(c) AND x <> u AND (startNode(b) = x) = (startNode(c) = x)
    RETURN [a, b, c] AS way, 1.0 / COUNT { (x)--() } AS last
  }
  WITH way, last
  ORDER BY last * reduce(sure = 1.0, r IN way | sure * coalesce(r.confidence, 1.0)) DESC
  WITH type(way[1]) AS relation, collect({facts: way, last: last})[..toInteger($limit)] AS best
  UNWIND best AS each
  RETURN each.facts AS way, each.last AS last
}
RETURN i.id AS item, last / (toFloat(COUNT { (u)--() }) * COUNT { (j)--() }) AS chance,
       [r IN way | {
         head: startNode(r).id, head_name: startNode(r).name, relation: type(r),
         tail: endNode(r).id, tail_name: endNode(r).name, predicted: false,
         confidence: r.confidence, sources: r.sources, run: r.run, evidence: r.evidence,
         valid_from: r.valid_from, valid_to: r.valid_to
       }] AS facts
