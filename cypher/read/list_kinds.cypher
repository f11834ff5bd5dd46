// What entities and new ones of a graph are, by their labels.
// Params: $graph
// Returns: id, labels, new (whether texts alone name it)
MATCH (e:Entity|NewEntity {graph: $graph})
RETURN e.id AS id,
       [label IN labels(e) WHERE NOT label IN ['Entity', 'NewEntity']]
       + CASE WHEN e:NewEntity AND e.label IS NOT NULL THEN [e.label] ELSE [] END AS labels,
       e:NewEntity AS new
