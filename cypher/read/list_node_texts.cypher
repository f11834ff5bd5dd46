// What some properties of a user's own nodes say, of those that have any of them.
// Params: $properties; marks: label, key
// Returns: id, texts (a value a property, null where there is none)
MATCH (n:$$label$$)
WHERE n.$$key$$ IS NOT NULL AND any(name IN $properties WHERE n[name] IS NOT NULL)
RETURN n.$$key$$ AS id, [name IN $properties | n[name]] AS texts
