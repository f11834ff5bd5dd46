// Take a source's claim from entities, and remove those that no source claims any more and no
// fact needs; links that were predicted for them, steps of answers, and where texts mention them
// go with them.
// Params: $graph, $source, $ids
// Returns: removed
UNWIND $ids AS id
MATCH (e:Entity {graph: $graph, id: id})
SET e.sources = [s IN e.sources WHERE s <> $source]
WITH e
WHERE size(e.sources) = 0
  AND NOT EXISTS { (e)-[r:!PREDICTED&!MENTIONED_IN]-(other) WHERE NOT other:Answer }
DETACH DELETE e
RETURN count(*) AS removed
