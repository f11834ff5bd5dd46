// Give entities their names, descriptions and labels; what is null stays as it was.
// Params: $graph, $ids, $names, $descriptions, $types (parallel; a type list each)
// Returns: described
UNWIND range(0, size($ids) - 1) AS i
MATCH (e:Entity {graph: $graph, id: $ids[i]})
SET e:$($types[i]),
    e.name = coalesce($names[i], e.name),
    e.description = coalesce($descriptions[i], e.description)
RETURN count(e) AS described
