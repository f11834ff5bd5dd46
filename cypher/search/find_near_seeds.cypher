// Entities around the weighted middle of some, by the graph's vectors: their directions are
// averaged, since the length of a vector says little that is comparable.
// Params: $graph, $ids, $weights (parallel, positive), $index, $pool, $labels (empty for all),
//   $where (values by property); marks: property
// Returns: id, score, fits (labels and properties)
UNWIND range(0, size($ids) - 1) AS i
MATCH (e:Entity {graph: $graph, id: $ids[i]})
WHERE e.$$property$$ IS NOT NULL
WITH e.$$property$$ AS vector, $weights[i] AS weight
WITH vector, weight / sqrt(reduce(sum = 0.0, x IN vector | sum + x * x)) AS weight
WITH collect({weight: weight, vector: vector}) AS seeds
WHERE size(seeds) > 0
WITH [
       d IN range(0, size(seeds[0].vector) - 1) |
       reduce(sum = 0.0, seed IN seeds | sum + seed.weight * seed.vector[d])
     ] AS middle
WHERE any(x IN middle WHERE x <> 0)
CALL db.index.vector.queryNodes($index, $pool, middle) YIELD node
RETURN node.id AS id,
       vector.similarity.cosine(middle, node.$$property$$) AS score,
       (size($labels) = 0 OR any(label IN labels(node) WHERE label IN $labels))
       AND all(
         name IN keys($where)
         WHERE any(value IN $where[name] WHERE value IN [] + node[name])
       ) AS fits
ORDER BY score DESC, id
