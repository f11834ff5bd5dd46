// Texts of a user's own nodes: properties of each, in the order of $names; null where it has none.
// Params: $names; marks: label, key
// Returns: id, values
MATCH (n:$$label$$)
WHERE n.$$key$$ IS NOT NULL
RETURN n.$$key$$ AS id, [name IN $names | n[name]] AS values
