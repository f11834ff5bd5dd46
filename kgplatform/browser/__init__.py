"""Neo4j Browser as the home of a graph: a guide, a style, saved queries, and links into it."""
