"""Neo4j Browser, opened and used in a real Chromium, shows what was loaded and trained."""

import os
from collections.abc import Iterator

import pytest

from kgplatform import queries
from kgplatform.server import ServerInfo
from kgplatform.sources.countries import countries
from kgplatform.store.client import connect
from kgplatform.store.load import load
from tests.browser.window import (
    Window,
    error,
    find_programs,
    nodes,
    opened,
    relationships,
    table,
)

GRAPH = "browser-countries"


@pytest.fixture(scope="module")
def loaded(server: ServerInfo) -> ServerInfo:
    """The server with the graph of countries."""
    entities, triples = countries()
    with connect(server.uri, server.username, server.password) as store:
        load(store, GRAPH, entities, triples, source="countryinfo")
    return server


@pytest.fixture(scope="module")
def window(loaded: ServerInfo) -> Iterator[Window]:
    """Browser, logged in as `kgp demo` tells a user to."""
    programs = find_programs()
    if programs is None:
        reason = "Chromium (or Chrome) and chromedriver are not on the PATH"
        if os.environ.get("CI") == "true":
            pytest.fail(f"{reason}, and on CI this must be tested")
        pytest.skip(reason)
    with opened(programs, loaded.browser) as window:
        proposed = window.log_in(loaded.username, loaded.password)
        assert proposed.removeprefix("neo4j://") == loaded.uri.removeprefix("bolt://")
        window.run(f":params {{graph: '{GRAPH}', entity: 'Poland', limit: 100}}")
        yield window


def test_nodes_are_drawn(window: Window) -> None:
    frame = window.run("MATCH (n:Entity) RETURN n LIMIT 25")
    assert error(frame) == ""
    # Of whatever graph: other tests load into the same server.
    assert len(nodes(frame)) == 25


def test_a_query_of_the_repository_draws_an_entity_with_its_facts(window: Window) -> None:
    frame = window.run(queries.get("browser/show_entity"))
    assert error(frame) == ""
    assert {"Poland", "Warsaw", "Polish"} <= set(nodes(frame))
    assert {"BORDERS", "SPEAKS"} & set(relationships(frame))


def test_a_query_of_the_repository_fills_a_table(window: Window) -> None:
    frame = window.run(queries.get("browser/rank_entities"))
    assert error(frame) == ""
    heading, *rows = table(frame)
    assert heading == ["entity", "name", "types", "facts", "predicted"]
    assert len(rows) == 100
    facts = [int(row[3]) for row in rows]
    assert facts == sorted(facts, reverse=True)
    assert rows[0][1] == "Latin script"


def test_a_mistake_is_shown_as_one(window: Window) -> None:
    assert "SyntaxError" in error(window.run("MATCH (n:Entity RETURN n"))
