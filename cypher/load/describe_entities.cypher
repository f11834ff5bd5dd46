// Give entities their names, descriptions, labels and properties; what is null stays as it was.
// Params: $graph, $ids, $names, $descriptions, $types, $properties (parallel; a type list and a
//   map each)
// Returns: described
UNWIND range(0, size($ids) - 1) AS i
MATCH (e:Entity {graph: $graph, id: $ids[i]})
SET e += $properties[i]
SET e:$($types[i]),
    e.name = coalesce($names[i], e.name),
    e.description = coalesce($descriptions[i], e.description)
RETURN count(e) AS described
