// All versions of one projection, or of all of them, the newest last.
// Params: $name (null for all)
// Returns: projection (a map of properties)
MATCH (p:Projection)
WHERE $name IS NULL OR p.name = $name
WITH p ORDER BY p.name, p.version
RETURN properties(p) AS projection
