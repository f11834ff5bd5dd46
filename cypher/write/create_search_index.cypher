// The full-text index of all that search reads: names, descriptions and chunks, by the stems of
// English words. Made when somebody first searches. The graph's name is in it, so that the
// entities of one graph are not crowded out by those of another.
// Params: none; marks: index
// Returns: nothing
CREATE FULLTEXT INDEX $$index$$ IF NOT EXISTS
FOR (n:Entity|Chunk) ON EACH [n.graph, n.name, n.aliases, n.description, n.text]
OPTIONS {indexConfig: {`fulltext.analyzer`: 'english'}}
