"""One real Neo4j for the whole session, started as a user's is."""

import uuid
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from kgplatform import server as local
from kgplatform.settings import Settings


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[local.ServerInfo]:
    """A running server in a folder of its own; the jars come from the user's cache."""
    home = tmp_path_factory.mktemp("server")
    # neo4j_uri is given, not left out: the tester's own NEO4J_URI must not be used.
    settings = Settings(neo4j_uri=None, kgp_home=home, kgp_heap="1g")
    try:
        yield local.start(settings)
    finally:
        local.stop(settings)


@pytest.fixture(scope="session")
def settings(server: local.ServerInfo, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings that name the session's server, with a home and runs of the tests' own."""
    folder = tmp_path_factory.mktemp("project")
    return Settings(
        neo4j_uri=server.uri,
        neo4j_username=server.username,
        neo4j_password=SecretStr(server.password),
        neo4j_database=None,
        kgp_home=folder / ".kgplatform",
        kgp_runs=folder / "runs",
    )


@pytest.fixture
def graph_name() -> str:
    """The name of a graph that no other test has."""
    return f"test-{uuid.uuid4().hex[:12]}"
