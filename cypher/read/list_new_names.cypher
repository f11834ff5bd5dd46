// What is called what among the things that texts name and no accepted fact is about.
// Params: $graph
// Returns: id, name, aliases
MATCH (e:NewEntity {graph: $graph})
RETURN e.id AS id, e.name AS name, e.aliases AS aliases
ORDER BY id
