"""The graph database: the one package that speaks to Neo4j."""
