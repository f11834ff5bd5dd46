// How many nodes carry a vector of a set that was added after its training.
// Params: none; marks: label, property, origin_property
// Returns: added
MATCH (n:$$label$$)
WHERE n.$$property$$ IS NOT NULL AND n.$$origin_property$$ IS NOT NULL
RETURN count(n) AS added
