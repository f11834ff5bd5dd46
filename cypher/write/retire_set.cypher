// Take a set out of use and, if it was the active one, put the set that it replaced back.
// Params: $name
// Returns: restored (name of the set put back, or null)
MATCH (s:EmbeddingSet {name: $name})
WITH s, s.active AS was_active
SET s.active = false
WITH s, was_active
OPTIONAL MATCH (old:EmbeddingSet {name: s.replaced})
WHERE was_active
FOREACH (o IN CASE WHEN old IS NULL THEN [] ELSE [old] END | SET o.active = true)
WITH s, old
OPTIONAL MATCH (later:EmbeddingSet {replaced: s.name})
FOREACH (l IN CASE WHEN later IS NULL THEN [] ELSE [later] END | SET l.replaced = s.replaced)
RETURN old.name AS restored
