"""The local Neo4j: Java, jars, configuration and process."""
