// All asserted facts that begin or end in given entities, as four parallel lists.
// Params: $graph, $ids
// Returns: version (of the graph), found (ids that are there), heads, relations, tails,
//   splits ('' for none)
MATCH (g:KnowledgeGraph {name: $graph})
CALL () {
  UNWIND $ids AS id
  MATCH (e:Entity {graph: $graph, id: id})
  RETURN collect(e.id) AS found
}
CALL () {
  UNWIND $ids AS id
  MATCH (e:Entity {graph: $graph, id: id})-[r:!PREDICTED]-(other:Entity {graph: $graph})
  RETURN collect(startNode(r).id) AS heads, collect(type(r)) AS relations,
         collect(endNode(r).id) AS tails, collect(coalesce(r.split, '')) AS splits
}
RETURN g.version AS version, found, heads, relations, tails, splits
