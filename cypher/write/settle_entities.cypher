// Bring entities that only texts know in line with what is said of them: without an accepted fact
// they are new ones again, without a candidate they go, and their aliases are the names that texts
// use. Entities of other sources stay as they are.
// Params: $graph, $ids
// Returns: removed, demoted
UNWIND $ids AS id
OPTIONAL MATCH (known:Entity {graph: $graph, id: id}) WHERE known.sources = ['llm']
OPTIONAL MATCH (new:NewEntity {graph: $graph, id: id})
WITH coalesce(known, new) AS e, known IS NOT NULL AS entity
WHERE e IS NOT NULL
WITH e, entity,
     EXISTS { (:Candidate {graph: $graph, head: e.id}) }
     OR EXISTS { (:Candidate {graph: $graph, tail: e.id}) } AS supported,
     EXISTS { (e)-[r:!PREDICTED&!MENTIONED_IN]-() } AS needed
CALL (e, supported, needed) {
  WITH e WHERE NOT supported AND NOT needed
  DETACH DELETE e
  RETURN count(*) AS removed
}
CALL (e, entity, supported, needed) {
  WITH e WHERE entity AND supported AND NOT needed
  OPTIONAL MATCH (e)-[p:PREDICTED]-()
  DELETE p
  WITH DISTINCT e
  REMOVE e:$([label IN labels(e) WHERE label <> 'NewEntity']), e.nid, e.sources
  SET e:NewEntity
  RETURN count(*) AS demoted
}
CALL (e, supported, needed) {
  WITH e WHERE supported OR needed
  WITH e, COLLECT {
    MATCH (e)-[m:MENTIONED_IN]->()
    WHERE m.name <> e.name
    RETURN DISTINCT m.name AS name ORDER BY name
  } AS names
  SET e.aliases = CASE WHEN size(names) > 0 THEN names END
  RETURN count(*) AS named
}
RETURN sum(removed) AS removed, sum(demoted) AS demoted
