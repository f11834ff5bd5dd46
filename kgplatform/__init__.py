"""kgplatform: knowledge graphs and language models trained together, around Neo4j."""

__version__ = "0.1.0"
