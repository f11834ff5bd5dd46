// Make things that texts name and the graph does not have. None is an entity yet: that takes an
// accepted fact.
// Params: $graph, $run, $items (maps of id, name, label)
// Returns: made
UNWIND $items AS item
WITH item
WHERE NOT EXISTS { (:Entity {graph: $graph, id: item.id}) }
MERGE (e:NewEntity {graph: $graph, id: item.id})
ON CREATE SET e.name = item.name, e.label = item.label, e.run = $run
RETURN count(e) AS made
