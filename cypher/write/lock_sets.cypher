// Lock all sets that could be active in place of one, until the end of the transaction: what
// the next statement of it reads of them stays true. A property of its own is written and
// taken away: to write one with its own value would write back what was read before the lock.
// Params: $name
// Returns: nothing
MATCH (s:EmbeddingSet {name: $name})
MATCH (each:EmbeddingSet {kind: s.kind, label: s.label})
WHERE each.graph = s.graph OR (each.graph IS NULL AND s.graph IS NULL)
WITH each ORDER BY each.name
SET each.locked = true
REMOVE each.locked
