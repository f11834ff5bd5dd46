// Keep which names of documents were taken for another's, and which may be. What a person has
// decided on a pair stays.
// Params: $graph, $run, $items (maps of id, status and properties)
// Returns: pairs
UNWIND $items AS item
MERGE (p:NamePair {graph: $graph, id: item.id})
ON CREATE SET p.status = item.status
SET p += item.properties, p.run = $run
RETURN count(p) AS pairs
