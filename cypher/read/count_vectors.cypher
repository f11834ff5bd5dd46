// How many nodes carry a set of vectors.
// Params: none; marks: label, property
// Returns: written
MATCH (n:$$label$$)
WHERE n.$$property$$ IS NOT NULL
RETURN count(n) AS written
