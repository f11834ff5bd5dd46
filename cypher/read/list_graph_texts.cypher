// Texts of a graph's own nodes: properties of each, in the order of $names; null where it has none.
// Params: $graph, $names; marks: label
// Returns: id, values
MATCH (n:$$label$$ {graph: $graph})
RETURN n.id AS id, [name IN $names | n[name]] AS values
