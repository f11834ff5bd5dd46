// Where what is known of an entity comes from: its facts with who claims them, how sure they are,
// the run that found them and the sentences.
// Params: $graph, $entity (id or name), $limit (e.g. 100)
// Returns: head, relation, tail, kind, confidence, sources, run, texts
MATCH (e:Entity {graph: $graph})
WHERE e.id = $entity OR e.name = $entity
MATCH (e)-[r]-(:Entity {graph: $graph})
WITH DISTINCT r, r:PREDICTED AS predicted
RETURN startNode(r).name AS head,
       CASE WHEN predicted THEN r.relation ELSE type(r) END AS relation,
       endNode(r).name AS tail,
       CASE WHEN predicted THEN 'predicted' ELSE 'asserted' END AS kind,
       coalesce(r.confidence, 1.0) AS confidence, r.sources AS sources, r.run AS run,
       COLLECT {
         MATCH (c:Chunk {graph: $graph})
         WHERE c.id IN coalesce(r.evidence, [])
         RETURN left(c.text, 200)
         LIMIT 3
       } AS texts
ORDER BY kind, relation, head, tail
LIMIT toInteger($limit)
