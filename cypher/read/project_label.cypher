// The relationships among a user's own nodes of one label, predicted links left out, as triples.
// Params: none; marks: label, key
// Returns: head, relation, tail
MATCH (a:$$label$$)-[r]->(b:$$label$$)
WHERE a.$$key$$ IS NOT NULL AND b.$$key$$ IS NOT NULL AND type(r) <> 'PREDICTED'
RETURN a.$$key$$ AS head, type(r) AS relation, b.$$key$$ AS tail
