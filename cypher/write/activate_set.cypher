// Make one set the active one of its graph and kind; the set it takes the place of is
// remembered, for undoing. A set that is active already stays as it is; one that is put in
// use again leaves its old place in the chain of sets. After lock_sets in its transaction.
// Params: $name
// Returns: replaced (name of the set that was active, or null)
MATCH (s:EmbeddingSet {name: $name})
MATCH (each:EmbeddingSet {kind: s.kind, label: s.label})
WHERE each.graph = s.graph OR (each.graph IS NULL AND s.graph IS NULL)
WITH s, collect(each) AS sets
FOREACH (later IN [each IN sets WHERE each.replaced = s.name AND NOT s.active] |
  SET later.replaced = s.replaced
)
SET s.replaced = CASE
  WHEN s.active THEN s.replaced
  ELSE head([each IN sets WHERE each.active | each.name])
END
FOREACH (each IN sets | SET each.active = each = s)
RETURN s.replaced AS replaced
