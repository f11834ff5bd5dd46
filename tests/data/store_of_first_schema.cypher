// A store as the first version of kgplatform with a database left it (commit 0e8e816 of 2026-11-23,
// schema V001 to V007): written by that version's own code, then read out. A ring of six entities in
// the graph `old`, two runs' vectors, the second active, and a predicted link of the second.
// Statements are separated by a line with a semicolon.
CREATE CONSTRAINT entity_key IF NOT EXISTS
FOR (e:Entity) REQUIRE (e.graph, e.id) IS UNIQUE
;
CREATE INDEX entity_nid IF NOT EXISTS
FOR (e:Entity) ON (e.graph, e.nid)
;
CREATE INDEX entity_name IF NOT EXISTS
FOR (e:Entity) ON (e.graph, e.name)
;
CREATE CONSTRAINT knowledge_graph_name IF NOT EXISTS
FOR (g:KnowledgeGraph) REQUIRE g.name IS UNIQUE
;
CREATE CONSTRAINT run_id IF NOT EXISTS
FOR (r:Run) REQUIRE r.id IS UNIQUE
;
CREATE CONSTRAINT embedding_set_name IF NOT EXISTS
FOR (s:EmbeddingSet) REQUIRE s.name IS UNIQUE
;
CREATE INDEX predicted_run IF NOT EXISTS
FOR ()-[p:PREDICTED]-() ON (p.run)
;
CREATE
  (n0:EmbeddingSet {active: false, created: '2026-11-23T22:00:00', dimension: 4, graph: 'old', index: 'embedding_first', key: 'id', kind: 'graph', label: 'Entity', name: 'first/graph', property: 'embedding_first', replaced: 'second/graph', similarity: 'cosine', written: 6}),
  (n1:EmbeddingSet {active: true, created: '2026-11-23T22:00:00', dimension: 4, graph: 'old', index: 'embedding_second', key: 'id', kind: 'graph', label: 'Entity', name: 'second/graph', property: 'embedding_second', replaced: 'first/graph', similarity: 'cosine', written: 6}),
  (n2:Entity:Thing {description: 'the first', graph: 'old', id: 'e0', name: 'Zero', nid: 0}),
  (n3:Entity {graph: 'old', id: 'e1', name: 'e1', nid: 1}),
  (n4:Entity {graph: 'old', id: 'e2', name: 'e2', nid: 2}),
  (n5:Entity {graph: 'old', id: 'e3', name: 'e3', nid: 3}),
  (n6:Entity {graph: 'old', id: 'e4', name: 'e4', nid: 4}),
  (n7:Entity {graph: 'old', id: 'e5', name: 'e5', nid: 5}),
  (n8:KnowledgeGraph {loaded: datetime('2026-11-27T11:55:50.136000000+00:00'), name: 'old', next_nid: 6, version: 8}),
  (n9:Run {created: '2026-11-23T22:00:00', graph: 'old', id: 'first', model: 'transe'}),
  (n10:Run {created: '2026-11-23T22:00:00', graph: 'old', id: 'second', model: 'transe'}),
  (n11:SchemaMigration {applied: datetime('2026-11-27T11:55:14.404000000+00:00'), checksum: '1cc745ee653a542b08564d8d8a6e9c26c1874b76f008edc81dc7fc75756b3f8e', name: 'embedding_set_name', version: 'V006'}),
  (n12:SchemaMigration {applied: datetime('2026-11-27T11:55:10.918000000+00:00'), checksum: 'b3ecda056487d67ec2bc834d591932619f8a4868d8c0eae5fe130a3a7a9f0d58', name: 'entity_key', version: 'V001'}),
  (n13:SchemaMigration {applied: datetime('2026-11-27T11:55:12.747000000+00:00'), checksum: 'c251cc249326c73ccfc5ee221028efb5fc222a019770a83e5afc75371b5297d8', name: 'entity_name', version: 'V003'}),
  (n14:SchemaMigration {applied: datetime('2026-11-27T11:55:12.487000000+00:00'), checksum: 'aaeb1ec47dc6ee48be138eb7f2881d53058afdabc93b501fbace11add16bf01f', name: 'entity_nid', version: 'V002'}),
  (n15:SchemaMigration {applied: datetime('2026-11-27T11:55:13.592000000+00:00'), checksum: 'c0d7c012d71287eaa07190dab21fb536d4d8440b60781831de507f5e7187c529', name: 'knowledge_graph_name', version: 'V004'}),
  (n16:SchemaMigration {applied: datetime('2026-11-27T11:55:14.779000000+00:00'), checksum: '281d647a4bce1f149a02faab3499aa72f59bca57b70e9f58eac2659dbc652726', name: 'predicted_run', version: 'V007'}),
  (n17:SchemaMigration {applied: datetime('2026-11-27T11:55:14.015000000+00:00'), checksum: 'f21b014f4fb029909c0daa316c4ec27bc559bb501443a4773f4a9e0e0fe82ca8', name: 'run_id', version: 'V005'}),
  (n2)-[:PREDICTED {confidence: 0.75, relation: 'next', run: 'second', score: 1.5}]->(n4),
  (n9)-[:WROTE {}]->(n0),
  (n10)-[:WROTE {}]->(n1),
  (n2)-[:`in space` {fact_id: '563fff71ed63b8ce6882d8a5e0a61653', source: 'ring', split: 'test'}]->(n5),
  (n4)-[:next {fact_id: 'df78136c92b592b595ba47a380ed53aa', source: 'ring', split: 'train'}]->(n5),
  (n5)-[:next {fact_id: '3ea4d528d9bd6cbc6da7ef396af4e190', source: 'ring', split: 'train'}]->(n6),
  (n6)-[:next {fact_id: 'f1b60a0b48e29ec7f9f387c080b94790', source: 'ring', split: 'train'}]->(n7),
  (n7)-[:next {fact_id: 'bc30a4e21adddbc9ac0cda687c4b164a', source: 'ring', split: 'train'}]->(n2),
  (n2)-[:next {fact_id: '869dadb2cbf73082a0410e86e3c18704', source: 'ring', split: 'train'}]->(n3),
  (n3)-[:next {fact_id: 'c062d86f2969f2cd0e941b860a204d40', source: 'ring', split: 'train'}]->(n4)
;
MATCH (n:Entity {graph: 'old', id: 'e0'})
CALL db.create.setNodeVectorProperty(n, 'embedding_second', [2.5, 0.5, 0.5, 0.5])
;
MATCH (n:Entity {graph: 'old', id: 'e0'})
CALL db.create.setNodeVectorProperty(n, 'embedding_first', [1.25, 0.25, 0.25, 0.25])
;
MATCH (n:Entity {graph: 'old', id: 'e1'})
CALL db.create.setNodeVectorProperty(n, 'embedding_second', [0.75, 2.75, 0.75, 0.75])
;
MATCH (n:Entity {graph: 'old', id: 'e1'})
CALL db.create.setNodeVectorProperty(n, 'embedding_first', [0.375, 1.375, 0.375, 0.375])
;
MATCH (n:Entity {graph: 'old', id: 'e2'})
CALL db.create.setNodeVectorProperty(n, 'embedding_second', [1.0, 1.0, 3.0, 1.0])
;
MATCH (n:Entity {graph: 'old', id: 'e2'})
CALL db.create.setNodeVectorProperty(n, 'embedding_first', [0.5, 0.5, 1.5, 0.5])
;
MATCH (n:Entity {graph: 'old', id: 'e3'})
CALL db.create.setNodeVectorProperty(n, 'embedding_second', [1.25, 1.25, 1.25, 3.25])
;
MATCH (n:Entity {graph: 'old', id: 'e3'})
CALL db.create.setNodeVectorProperty(n, 'embedding_first', [0.625, 0.625, 0.625, 1.625])
;
MATCH (n:Entity {graph: 'old', id: 'e4'})
CALL db.create.setNodeVectorProperty(n, 'embedding_second', [1.5, 1.5, 1.5, 1.5])
;
MATCH (n:Entity {graph: 'old', id: 'e4'})
CALL db.create.setNodeVectorProperty(n, 'embedding_first', [0.75, 0.75, 0.75, 0.75])
;
MATCH (n:Entity {graph: 'old', id: 'e5'})
CALL db.create.setNodeVectorProperty(n, 'embedding_second', [1.75, 1.75, 1.75, 1.75])
;
MATCH (n:Entity {graph: 'old', id: 'e5'})
CALL db.create.setNodeVectorProperty(n, 'embedding_first', [0.875, 0.875, 0.875, 0.875])
;
CREATE VECTOR INDEX embedding_first IF NOT EXISTS
FOR (n:Entity) ON (n.embedding_first)
OPTIONS {indexConfig: {`vector.dimensions`: 4, `vector.similarity_function`: 'cosine'}}
;
CREATE VECTOR INDEX embedding_second IF NOT EXISTS
FOR (n:Entity) ON (n.embedding_second)
OPTIONS {indexConfig: {`vector.dimensions`: 4, `vector.similarity_function`: 'cosine'}}
