// One record a graph: its next free nid, its version, and a load under way.
// Params: none
// Returns: nothing
CREATE CONSTRAINT knowledge_graph_name IF NOT EXISTS
FOR (g:KnowledgeGraph) REQUIRE g.name IS UNIQUE
