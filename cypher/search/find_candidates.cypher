// Entities and chunks that a text may mean: by names like its words, by its words anywhere, and by
// its vector. The indexes of words hold all graphs; one of vectors holds one graph's, in eight bits
// a number, so that its score is computed anew from the vectors themselves.
// Params: $graph, $name_query, $word_query (of Lucene, or null for none), $name_index, $text_index,
//   $sets (vectors' index and property, empty for none), $vector, $pool (most of each),
//   $labels (empty for all), $where (values by property)
// Returns: channel, id, chunk (whether it is one), names (where it was looked for by name), score,
//   fits (labels and properties)
CALL () {
  WITH $name_query AS query WHERE query IS NOT NULL
  CALL db.index.fulltext.queryNodes($name_index, query, {limit: $pool}) YIELD node, score
  WHERE node.graph = $graph
  RETURN 'name' AS channel, node, score
  UNION ALL
  WITH $word_query AS query WHERE query IS NOT NULL
  CALL db.index.fulltext.queryNodes($text_index, query, {limit: $pool}) YIELD node, score
  // What has the graph's name alone has a score of 0.
  WHERE node.graph = $graph AND score > 0
  RETURN 'fulltext' AS channel, node, score
  UNION ALL
  UNWIND $sets AS set
  CALL db.index.vector.queryNodes(set.index, $pool, $vector) YIELD node
  RETURN 'text' AS channel, node,
         vector.similarity.cosine($vector, node[set.property]) AS score
}
RETURN channel, node.id AS id, node:Chunk AS chunk,
       CASE channel WHEN 'name' THEN [] + node.name + coalesce(node.aliases, []) ELSE [] END AS names,
       score,
       (size($labels) = 0 OR any(label IN labels(node) WHERE label IN $labels))
       AND all(
         name IN keys($where)
         WHERE any(value IN $where[name] WHERE value IN [] + node[name])
       ) AS fits
