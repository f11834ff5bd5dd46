// One candidate with its evidence: the sentences, where its ends are named in them, and the
// documents they are from.
// Params: $graph, $id
// Returns: candidate (a map), head_name, tail_name, head_new, tail_new, evidence (a map each)
MATCH (c:Candidate {graph: $graph, id: $id})
OPTIONAL MATCH (known_head:Entity {graph: $graph, id: c.head})
OPTIONAL MATCH (new_head:NewEntity {graph: $graph, id: c.head})
OPTIONAL MATCH (known_tail:Entity {graph: $graph, id: c.tail})
OPTIONAL MATCH (new_tail:NewEntity {graph: $graph, id: c.tail})
RETURN properties(c) AS candidate,
       coalesce(known_head.name, new_head.name, c.head) AS head_name,
       coalesce(known_tail.name, new_tail.name, c.tail) AS tail_name,
       new_head IS NOT NULL AS head_new, new_tail IS NOT NULL AS tail_new,
       COLLECT {
         MATCH (c)-[e:EVIDENCE]->(k:Chunk)-[:PART_OF]->(d:Document)
         RETURN e {.*, text: substring(k.text, e.start, e.end - e.start), chunk: k.id,
                   document: d.id, title: d.title, offset: k.start} AS one
         ORDER BY e.confidence DESC, d.id, k.index, e.start
       } AS evidence
