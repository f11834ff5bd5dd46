"""Neo4j Browser, used in a headless Chromium as a person uses it, shows what is in the graph."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser_window import (
    Programs,
    Window,
    error,
    needed_programs,
    nodes,
    opened,
    relationships,
    table,
)

from kgplatform import queries
from kgplatform.server import ServerInfo
from kgplatform.sources.countries import countries
from kgplatform.store.client import connect
from kgplatform.store.links import Link, write_links
from kgplatform.store.load import load
from kgplatform.store.writeback import Target

GRAPH = "browser-countries"
GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "browser.md"


@pytest.fixture(scope="module")
def programs() -> Programs:
    return needed_programs()


@pytest.fixture(scope="module")
def loaded(programs: Programs, server: ServerInfo) -> ServerInfo:
    """The server with the graph of countries and one predicted link."""
    entities, triples = countries()
    link = Link("poland", "BORDERS", "austria", score=1.0, confidence=0.1)
    with connect(server.uri, server.username, server.password) as store:
        load(store, GRAPH, entities, triples, source="countryinfo")
        write_links(store, "browser-run", {"graph": GRAPH}, Target(graph=GRAPH), [link])
    return server


@pytest.fixture(scope="module")
def window(programs: Programs, loaded: ServerInfo) -> Iterator[Window]:
    """Browser, logged in as `kgp demo` tells a user to."""
    with opened(programs, loaded.browser) as window:
        proposed = window.log_in(loaded.username, loaded.password)
        assert proposed.removeprefix("neo4j://") == loaded.uri.removeprefix("bolt://")
        # As the guide says, but for the name of the graph.
        params, style = (_line_of_guide(command) for command in (":params ", ":style relationship"))
        assert error(window.run(params.replace("'countries'", f"'{GRAPH}'"))) == ""
        frame = window.run(style)
        window.until("the style is shown", lambda: "relationship.PREDICTED" in frame.text or None)
        yield window


def _line_of_guide(command: str) -> str:
    (line,) = [line for line in GUIDE.read_text("utf-8").splitlines() if line.startswith(command)]
    return line


def test_nodes_are_drawn(window: Window) -> None:
    frame = window.run("MATCH (n:Entity) RETURN n LIMIT 25")
    assert error(frame) == ""
    # Of whatever graph: other tests load into the same server.
    assert len(nodes(frame)) == 25


def test_a_query_of_the_repository_draws_an_entity_with_its_facts(window: Window) -> None:
    frame = window.run(queries.get("browser/show_entity"))
    assert error(frame) == ""
    assert {"Poland", "Warsaw", "Polish"} <= set(nodes(frame))
    # Captions are cut on short arrows.
    assert {"BORDERS", "SPEAKS"} & {arrow.caption for arrow in relationships(frame)}


def test_predicted_links_are_drawn_in_the_style_of_the_guide(window: Window) -> None:
    frame = window.run(queries.get("browser/show_relation"))
    assert error(frame) == ""
    assert {"Poland", "Germany", "France"} <= set(nodes(frame))
    (arrow,) = [arrow for arrow in relationships(frame) if arrow.color == "#D4351C"]
    assert arrow.caption.startswith("BOR")


def test_a_query_of_the_repository_fills_a_table(window: Window) -> None:
    frame = window.run(queries.get("browser/rank_entities"))
    assert error(frame) == ""
    heading, *rows = table(frame)
    assert heading == ["entity", "name", "types", "facts", "predicted"]
    assert len(rows) == 50
    facts = [int(row[3]) for row in rows]
    assert facts == sorted(facts, reverse=True)
    assert rows[0][1] == "Latin script"


def test_a_mistake_is_shown_as_one(window: Window) -> None:
    assert "SyntaxError" in error(window.run("MATCH (n:Entity RETURN n"))
