// Bring entities that only texts know in line with what is said of them: without an accepted fact
// they are new ones again, without what runs wrote on them, which no undo would find there; without
// a candidate they go, and their aliases are the names that texts use. One that its sources have
// given up was there for its facts alone, and goes with the last. Entities of other sources stay
// as they are.
// Params: $graph, $ids
// Returns: removed, demoted
OPTIONAL MATCH (s:EmbeddingSet {graph: $graph, label: 'Entity'})
WITH collect(s.property) AS sets
WITH reduce(
  marks = [], each IN sets |
  marks + [each, each + '_bytes', each + '_origin', each + '_text_weight', each + '_graph_weight']
) AS marks
UNWIND $ids AS id
OPTIONAL MATCH (known:Entity {graph: $graph, id: id}) WHERE known.sources IN [['llm'], []]
OPTIONAL MATCH (new:NewEntity {graph: $graph, id: id})
WITH marks, coalesce(known, new) AS e, known IS NOT NULL AS entity
WHERE e IS NOT NULL
WITH e, entity, marks,
     e:NewEntity OR e.sources = ['llm'] AS of_texts,
     EXISTS { (:Candidate {graph: $graph, head: e.id}) }
     OR EXISTS { (:Candidate {graph: $graph, tail: e.id}) } AS supported,
     EXISTS { (e)-[r:!PREDICTED&!MENTIONED_IN]-(other) WHERE NOT other:Answer } AS needed
WITH e, entity, marks, of_texts, of_texts AND supported AS supported, needed
CALL (e, supported, needed) {
  WITH e WHERE NOT supported AND NOT needed
  DETACH DELETE e
  RETURN count(*) AS removed
}
CALL (e, entity, marks, supported, needed) {
  WITH e, marks WHERE entity AND supported AND NOT needed
  OPTIONAL MATCH (e)-[p:PREDICTED|STEP]-()
  DELETE p
  WITH DISTINCT e, marks
  FOREACH (mark IN [name IN keys(e) WHERE name IN marks] | REMOVE e[mark])
  REMOVE e:$([label IN labels(e) WHERE label <> 'NewEntity']), e.nid, e.sources
  SET e:NewEntity
  RETURN count(*) AS demoted
}
CALL (e, of_texts, supported, needed) {
  WITH e WHERE of_texts AND (supported OR needed)
  WITH e, COLLECT {
    MATCH (e)-[m:MENTIONED_IN]->()
    WHERE m.name <> e.name
    RETURN DISTINCT m.name AS name ORDER BY name
  } AS names
  SET e.aliases = CASE WHEN size(names) > 0 THEN names END
  RETURN count(*) AS named
}
RETURN sum(removed) AS removed, sum(demoted) AS demoted
