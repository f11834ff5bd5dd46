// Entities that have facts or predicted links with some: more where the relation is one that a text
// has words of, less by what has very many. Of such, some facts are looked at.
// Params: $graph, $ids, $weights (parallel), $stems (beginnings of words, in small letters),
//   $asked (what a relation counts for that has one), $looked_at (relationships of each at most),
//   $pool, $labels (empty for all), $where (values by property)
// Returns: id, score, fits (labels and properties)
UNWIND range(0, size($ids) - 1) AS i
MATCH (e:Entity {graph: $graph, id: $ids[i]})
WITH e, $weights[i] / log(2 + COUNT { (e)--() }) AS weight
CALL (e) {
  MATCH (e)-[r]-(other:Entity {graph: $graph})
  WHERE other <> e
  WITH r, other LIMIT toInteger($looked_at)
  WITH other, coalesce(r.confidence, 1.0) AS confidence,
       toLower(coalesce(CASE WHEN r:PREDICTED THEN r.relation END, type(r))) AS relation
  RETURN other, max(confidence * CASE
    WHEN any(stem IN $stems WHERE relation CONTAINS stem) THEN $asked ELSE 1.0
  END) AS share
}
WITH other, sum(weight * share) AS score
ORDER BY score DESC, other.id
LIMIT toInteger($pool)
RETURN other.id AS id, score,
       (size($labels) = 0 OR any(label IN labels(other) WHERE label IN $labels))
       AND all(
         name IN keys($where)
         WHERE any(value IN $where[name] WHERE value IN [] + other[name])
       ) AS fits
