// Take a set out of use and, if it was the active one, put the set that it replaced back.
// After lock_sets in its transaction.
// Params: $name
// Returns: restored (name of the set put back, or null)
MATCH (s:EmbeddingSet {name: $name})
MATCH (each:EmbeddingSet {kind: s.kind, label: s.label})
WHERE each.graph = s.graph OR (each.graph IS NULL AND s.graph IS NULL)
WITH s, collect(each) AS sets
WITH s, [each IN sets WHERE s.active AND each.name = s.replaced] AS restored,
     [each IN sets WHERE each.replaced = s.name] AS laters
SET s.active = false
FOREACH (each IN restored | SET each.active = true)
FOREACH (later IN laters | SET later.replaced = s.replaced)
RETURN head([each IN restored | each.name]) AS restored
