"""A source as the files of Neo4j's offline importer: what ``kgp load --bulk`` writes."""
