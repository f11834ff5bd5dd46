// One property of all nodes that have it, by what identifies them.
// Params: $graph; marks: label, key, property
// Returns: entity, value
MATCH (e:$$label$$)
WHERE e.$$property$$ IS NOT NULL AND e.$$key$$ IS NOT NULL AND ($graph IS NULL OR e.graph = $graph)
RETURN e.$$key$$ AS entity, e.$$property$$ AS value
