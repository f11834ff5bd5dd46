// Make one set the active one of its graph and kind, in one transaction; the set it takes the
// place of is remembered, for undoing.
// Params: $name
// Returns: replaced (name of the set that was active, or null)
MATCH (s:EmbeddingSet {name: $name})
OPTIONAL MATCH (old:EmbeddingSet {kind: s.kind, label: s.label, active: true})
WHERE old <> s AND (old.graph = s.graph OR (old.graph IS NULL AND s.graph IS NULL))
WITH s, collect(old) AS olds
FOREACH (old IN olds | SET old.active = false)
SET s.active = true, s.replaced = head([old IN olds | old.name])
RETURN s.replaced AS replaced
