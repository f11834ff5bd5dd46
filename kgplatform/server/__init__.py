"""The local Neo4j: Java, jars, configuration and process."""

from kgplatform.server.config import NEO4J_VERSION
from kgplatform.server.process import ServerInfo, running, start, stop

__all__ = ["NEO4J_VERSION", "ServerInfo", "running", "start", "stop"]
