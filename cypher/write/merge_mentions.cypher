// Lead from entities and new ones to where texts name them.
// Params: $graph, $run, $items (maps of id, chunk, start, end)
// Returns: made
UNWIND $items AS item
MATCH (k:Chunk {graph: $graph, id: item.chunk})
OPTIONAL MATCH (known:Entity {graph: $graph, id: item.id})
OPTIONAL MATCH (new:NewEntity {graph: $graph, id: item.id})
WITH item, k, coalesce(known, new) AS e
WHERE e IS NOT NULL
MERGE (e)-[m:MENTIONED_IN {run: $run, start: item.start, end: item.end}]->(k)
SET m.name = substring(k.text, item.start, item.end - item.start)
RETURN count(m) AS made
