"""The guide in Browser, installed as a user installs it: plays by itself, runs, and is drawn."""

from __future__ import annotations

import base64
import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser_window import (
    Programs,
    Window,
    by_test_id,
    error,
    needed_programs,
    nodes,
    opened,
    relationships,
    table,
)
from extraction_stages import stages, texts_source
from selenium.webdriver.common.by import By

from kgplatform import server as local
from kgplatform.browser.contents import read_contents
from kgplatform.browser.editor import Value, deep_link, filled, literal
from kgplatform.browser.install import Guide, install, installed, remove, write_files
from kgplatform.browser.style import ASSERTED, CANDIDATE, PREDICTED
from kgplatform.facts.pipeline import extract_documents
from kgplatform.server import ServerInfo
from kgplatform.settings import Settings
from kgplatform.sources.countries import countries
from kgplatform.store.client import connect
from kgplatform.store.links import Link, write_links
from kgplatform.store.load import load
from kgplatform.store.writeback import Target
from kgplatform.triples import Entity, Triple

GRAPH = "guided-countries"
HOSTILE = """a'b`c</pre><script>window.broken=1</script>]]>"{}"""
TEXTS = {"legends": "Poland borders Vineta. Ukraine borders Vineta. Poland borders Lyonesse."}


@pytest.fixture(scope="module")
def programs() -> Programs:
    return needed_programs()


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A project of its own: the guide is put into its server by starting that anew."""
    return Settings(neo4j_uri=None, kgp_home=tmp_path_factory.mktemp("guided"), kgp_heap="1g")


@pytest.fixture(scope="module")
def server(programs: Programs, own: Settings) -> Iterator[ServerInfo]:
    """Its server, in place of the session's."""
    try:
        yield local.start(own)
    finally:
        local.stop(own)


@pytest.fixture(scope="module")
def guide(programs: Programs, server: ServerInfo, own: Settings) -> Iterator[Guide]:
    """The guide of a graph with predicted links and candidates, installed for the server."""
    entities, triples = countries()
    link = Link("poland", "BORDERS", "austria", score=1.0, confidence=0.1)
    with connect(server.uri, server.username, server.password) as store:
        load(store, GRAPH, entities, triples, source="countryinfo")
        run = {"graph": GRAPH, "model": "transe", "created": "2026"}
        write_links(store, "guide-run", run, Target(graph=GRAPH), [link])
        extract_documents(store, GRAPH, texts_source(TEXTS), stages(store, GRAPH), on_reject=print)
        enemy = Entity(HOSTILE, HOSTILE, "", (HOSTILE,))
        load(store, HOSTILE, [enemy], [Triple(HOSTILE, "R", HOSTILE)], source="enemy")
    try:
        yield install(own)
    finally:
        remove(own)


@pytest.fixture(scope="module")
def window(programs: Programs, server: ServerInfo, guide: Guide) -> Iterator[Window]:
    """Browser after the login, at a link with a query."""
    text = filled("show_entity", {"graph": GRAPH, "entity": "Poland", "limit": 20})
    with opened(programs, deep_link(server.browser, text)) as window:
        window.log_in(server.username, server.password)
        yield window


DROP = """
const bytes = Uint8Array.from(atob(arguments[0]), c => c.charCodeAt(0));
const dropped = new DataTransfer();
dropped.items.add(new File([bytes], arguments[1]));
document.querySelector('[data-testid="activeEditor"]').dispatchEvent(
  new DragEvent('drop', {bubbles: true, dataTransfer: dropped}));
"""


def test_it_is_installed_and_served(guide: Guide, own: Settings, server: ServerInfo) -> None:
    assert guide.configured
    assert installed(own) == Guide(guide.address, served=True, configured=True)
    info = local.running(own)
    assert info is not None
    assert (info.uri, info.browser) == (server.uri, server.browser)
    with urllib.request.urlopen(f"{guide.address}/style.json", timeout=30) as answer:
        assert "relationship.PREDICTED" in json.load(answer)
    # Again: nothing to do, and nothing is started anew.
    assert install(own) == guide
    again = local.running(own)
    assert again is not None
    assert again.pid == info.pid


def test_it_plays_by_itself_and_the_link_has_filled_the_editor(window: Window) -> None:
    played = window.until(
        "the guide plays",
        lambda: next((f for f in window.frames() if "What is in here" in f.text), None),
    )
    assert GRAPH in played.text
    assert "1,217" in played.text
    editor = window.shown(f"{by_test_id('activeEditor')} .view-lines").text
    assert "'Poland'" in editor.replace("\xa0", " ")


def test_the_style_applies_by_itself(window: Window) -> None:
    window.until(
        "the style is there", lambda: any("/style.json" in frame.text for frame in window.frames())
    )
    params: dict[str, Value] = {"graph": GRAPH, "entity": "Poland", "limit": 100}
    params["relation"] = "BORDERS"
    frame = window.run(filled("show_relation", params))
    assert error(frame) == ""
    colors = {arrow.color for arrow in relationships(frame)}
    assert colors == {ASSERTED, PREDICTED}
    predicted = [arrow for arrow in relationships(frame) if arrow.color == PREDICTED]
    assert predicted[0].caption.startswith("BOR")
    circle = frame.find_element(By.CSS_SELECTOR, "g.node circle.b-outline")
    assert circle.get_attribute("fill") != ASSERTED


def test_a_candidate_is_drawn_with_what_states_it(window: Window) -> None:
    frame = window.run(filled("show_candidates", {"graph": GRAPH, "limit": 1}))
    assert error(frame) == ""
    assert {"BORDERS"} <= set(nodes(frame))
    assert CANDIDATE in {arrow.color for arrow in relationships(frame)}


def test_a_query_of_the_guide_fills_the_editor_and_its_arrow_runs_it(
    window: Window, guide: Guide
) -> None:
    # The link of the first slide.
    window.click('[data-exec^="guide "]')
    drawer = "#guide-drawer"
    window.until("the guide is beside", lambda: "What is in here" in window.shown(drawer).text)
    queries = window.driver.find_elements(By.CSS_SELECTOR, f"{drawer} pre.runnable")
    assert len(queries) == 2
    queries[0].click()
    editor = window.shown(f"{by_test_id('activeEditor')} .view-lines")
    window.until("the editor is filled", lambda: "How many entities" in editor.text)
    before = {frame.id for frame in window.frames()}
    queries[0].find_element(By.CSS_SELECTOR, "i").click()
    frame = window.until("it is answered", lambda: window.answer(before))
    heading, *rows = table(frame)
    assert heading == ["type", "entities", "predicted"]
    assert "Country" in [row[0] for row in rows]


def test_hostile_names_are_text_in_guide_and_style(window: Window, guide: Guide) -> None:
    window.click('#guide-drawer [data-exec^="play "]')
    played = window.until(
        "the other guide plays",
        lambda: next((f for f in window.frames() if f"Graph {HOSTILE}" in f.text), None),
    )
    assert window.driver.execute_script("return window.broken") is None
    assert not played.find_elements(By.CSS_SELECTOR, "script")
    query = played.find_element(By.CSS_SELECTOR, "pre.runnable")
    assert literal(HOSTILE) in str(query.get_property("textContent"))
    frame = window.run(filled("rank_entities", {"graph": HOSTILE, "limit": 5}))
    assert error(frame) == ""
    assert len(table(frame)) == 2


def test_saved_queries_are_imported(window: Window, own: Settings, tmp_path: Path) -> None:
    archive = write_files(own, tmp_path, GRAPH)[0]
    content = base64.b64encode(archive.read_bytes()).decode()
    window.driver.execute_script(DROP, content, archive.name)
    window.click(by_test_id("navigationFavorites"))
    window.until("a folder is there", lambda: "kgp 2 an entity" in window.shown("body").text)


def test_it_is_taken_out_again(guide: Guide, own: Settings, server: ServerInfo) -> None:
    with connect(server.uri, server.username, server.password) as store:
        assert read_contents(store, GRAPH).graph == GRAPH
    assert remove(own)
    assert installed(own) is None
    assert not remove(own)
    info = local.running(own)
    assert info is not None
    assert info.uri == server.uri
    assert "post_connect" not in (server.home / "conf" / "neo4j.conf").read_text()
