"""``kgp browser`` and the links that writing commands print, over a real database."""

from __future__ import annotations

import io
import json
import re
import threading
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from kgplatform.browser.address import browser_address
from kgplatform.browser.contents import read_contents
from kgplatform.browser.editor import filled, literal, names
from kgplatform.browser.serve import HOME_HEADER, guide_base, home_mark, open_server
from kgplatform.errors import ServerError, UnknownNameError
from kgplatform.server import ServerInfo
from kgplatform.settings import Settings
from kgplatform.store.client import Store
from kgplatform.store.links import Link, write_links
from kgplatform.store.load import load
from kgplatform.store.writeback import Target
from kgplatform.triples import Entity, Triple

Kgp = Callable[..., Any]

HOSTILE = """x' OR 1=1 //</pre><script>alert("1")</script>]]>`}{ \\u0027 &amp; #?"""
FILMS = "films"


@pytest.fixture(scope="module")
def films(server: ServerInfo) -> Iterator[str]:
    """Two graphs: a small one with a predicted link, and one whose every name is hostile."""
    from kgplatform.store.client import connect

    with connect(server.uri, server.username, server.password) as store:
        entities = [
            Entity("alien", "Alien", "A film.", ("Film",)),
            Entity("scott", "Ridley Scott", "", ("Person",)),
            Entity("weaver", "Sigourney Weaver", "", ("Person",)),
        ]
        facts = [Triple("scott", "DIRECTED", "alien"), Triple("weaver", "ACTED_IN", "alien")]
        load(store, FILMS, entities, facts, source="films")
        link = Link("weaver", "KNOWS", "scott", score=1.0, confidence=0.4)
        run = {"graph": FILMS, "model": "transe", "created": "2026"}
        write_links(store, "films-run", run, Target(graph=FILMS), [link])
        enemy = [Entity(HOSTILE, HOSTILE, HOSTILE, (HOSTILE,))]
        load(store, HOSTILE, enemy, [Triple(HOSTILE, HOSTILE, HOSTILE)], source="enemy")
        yield FILMS


@contextmanager
def serving(settings: Settings, **given: Any) -> Iterator[str]:
    with open_server(settings, 0, **given) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield guide_base(server.server_port)
        finally:
            server.shutdown()


def fetch(url: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, headers=named, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read()


def editor(link: str) -> str:
    """What a link puts into Browser's editor."""
    found = re.search(r"cmd=edit&arg=([^&#]*)$", unquote(link))
    assert found
    return found.group(1)


def test_its_pages_are_of_the_graph_and_there_are_no_others(films: str, settings: Settings) -> None:
    with serving(settings, graph=films) as base:
        status, headers, body = fetch(f"{base}/guide.html")
        assert status == 200
        assert headers[HOME_HEADER] == home_mark(settings)
        assert headers["Cache-Control"] == "no-store"
        assert "Sigourney Weaver KNOWS Ridley Scott" in body.decode()
        assert f"play {base}/guide.html?graph=" in body.decode().replace("&#58;", ":").replace(
            "&#61;", "="
        )
        assert "node.Film" in json.loads(fetch(f"{base}/style.json")[2])
        assert b"relationship.PREDICTED {" in fetch(f"{base}/style.grass")[2]
        archive = fetch(f"{base}/queries.zip")[2]
        assert len(zipfile.ZipFile(io.BytesIO(archive)).namelist()) == len(names())
        assert fetch(f"{base}/queries.csv")[2].startswith(b"name,description,query,id,parentId")
        assert b":play" in fetch(f"{base}/")[2]
        for path in ("/../pyproject.toml", "/%2e%2e/guide.json", "//etc/passwd", "/guide", "/a\\b"):
            assert fetch(base + path)[0] == 404, path
        assert fetch(f"{base}/guide.html?graph=no-such")[0] == 404
        assert fetch(f"{base}/guide.html", "POST")[0] == 501


def test_a_guide_is_new_when_the_graph_is(
    store: Store, settings: Settings, graph_name: str
) -> None:
    with serving(settings, graph=graph_name) as base:
        assert graph_name.encode() not in fetch(f"{base}/guide.html")[2]
        load(store, graph_name, [], [Triple("a", "R", "b")], source="one")
        assert b">R<" in fetch(f"{base}/guide.html")[2]
        load(store, graph_name, [], [Triple("a", "NEWER", "b")], source="two")
        assert b">NEWER<" in fetch(f"{base}/guide.html")[2]


def test_only_scripts_of_this_machine_or_of_named_origins_read_it(
    films: str, settings: Settings
) -> None:
    allow = "Access-Control-Allow-Origin"
    with serving(settings, graph=films, origins=("https://neo4j.example",)) as base:
        for origin in ("http://127.0.0.1:7474", "https://neo4j.example"):
            status, headers, body = fetch(
                f"{base}/guide.html",
                "OPTIONS",
                Origin=origin,
                Access_Control_Request_Headers="cache-control,pragma",
            )
            assert (status, body) == (204, b"")
            assert headers[allow] == origin
            assert "pragma" in headers["Access-Control-Allow-Headers"]
            assert fetch(f"{base}/guide.html", Origin=origin)[1][allow] == origin
        for origin in ("https://evil.example", "null"):
            assert allow not in fetch(f"{base}/guide.html", Origin=origin)[1]
        # A name of another's that leads to this machine.
        assert fetch(f"{base}/guide.html", Host="evil.example")[0] == 421
        assert fetch(f"{base}/guide.html", "HEAD")[2] == b""


def test_hostile_names_stay_text_on_the_way_to_the_server_and_back(
    films: str, store: Store, settings: Settings
) -> None:
    assert store.rows(f"RETURN {literal(HOSTILE)} AS same")[0]["same"] == HOSTILE
    contents = read_contents(store, HOSTILE)
    assert contents.types == ((HOSTILE, 1),)
    for name in names():
        if name != "decide_candidate":
            store.rows(filled(name, contents.params()))
    (row,) = store.rows(filled("rank_entities", contents.params()))
    assert (row["entity"], row["types"]) == (HOSTILE, [HOSTILE])
    with serving(settings, graph=HOSTILE) as base:
        body = fetch(f"{base}/guide.html")[2].decode()
        assert "<script" not in body
        assert HOSTILE not in body


def test_a_port_that_is_taken_is_said(settings: Settings) -> None:
    with serving(settings) as base, pytest.raises(ServerError, match="cannot listen"):
        open_server(settings, int(base.rpartition(":")[2]))


def test_without_a_database_it_says_so(settings: Settings) -> None:
    gone = settings.model_copy(update={"neo4j_uri": "bolt://127.0.0.1:1"})
    with serving(gone) as base:
        status, _, body = fetch(f"{base}/guide.html")
        assert status == 503
        assert b"127.0.0.1:1" in body


def test_browser_is_where_the_server_says(
    server: ServerInfo, settings: Settings, tmp_path: Path
) -> None:
    assert browser_address(settings) == server.browser
    named = settings.model_copy(update={"kgp_browser": "https://host/browser/"})
    assert browser_address(named) == "https://host/browser/"
    aura = settings.model_copy(update={"neo4j_uri": "neo4j+s://ab12.databases.neo4j.io"})
    address = browser_address(aura)
    assert address == (
        "https://browser.neo4j.io/?dbms=neo4j%2Bs%3A%2F%2Fneo4j%40ab12.databases.neo4j.io"
    )
    nowhere = Settings(neo4j_uri=None, kgp_home=tmp_path)
    assert browser_address(nowhere) is None


def test_open_makes_a_link_with_values_of_the_graph(
    films: str, kgp: Kgp, store: Store, server: ServerInfo
) -> None:
    made = kgp("browser", "open", "--query", "show_entity", "--graph", films, "--json").json
    assert made["browser_link"].startswith(f"{server.browser}?cmd=edit&arg=")
    assert editor(made["browser_link"]) == made["cypher"]
    assert store.rows(made["cypher"])
    asked = ("browser", "open", "--query", "find_path", "--graph", films, "--print")
    link = kgp(*asked, "--param", "from=scott", "--param", "to=Sigourney Weaver").out.strip()
    assert len(store.rows(editor(link))) == 1
    assert server.password not in link
    mine = kgp("browser", "open", "--cypher", "RETURN 'R&B #1' AS x", "--json").json
    assert mine["cypher"] == "RETURN 'R&B #1' AS x"
    plain = kgp("browser", "open", "--print")
    assert plain.out.strip() == server.browser


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--query", "show_entty"), "did you mean 'show_entity'"),
        (("--query", "show_entity", "--param", "entiti=x"), "did you mean 'entity'"),
        (("--query", "show_entity", "--param", "entity"), "--param NAME=VALUE"),
        (("--query", "show_entity", "--param", "limit=many"), "--param limit=50"),
        (("--query", "show_entity", "--graph", "film"), "did you mean 'films'"),
        (("--query", "show_entity", "--cypher", "RETURN 1"), "leave one of them"),
        (("--param", "entity=x"), "add --query NAME"),
    ],
)
def test_open_says_what_is_wrong(films: str, kgp: Kgp, args: tuple[str, ...], said: str) -> None:
    ended = kgp("browser", "open", *args)
    assert ended.code == 2
    assert said in ended.err


def test_install_for_an_existing_server_says_what_to_set(
    films: str, kgp: Kgp, tmp_path: Path
) -> None:
    told = kgp("browser", "install", "--graph", films, "--port", "7455", "--folder", "kept")
    assert told.code == 0, told.err
    assert "browser.post_connect_cmd=style http://127.0.0.1:7455/style.json; play" in told.out
    assert "browser.remote_content_hostname_whitelist=127.0.0.1," in told.out
    kept = sorted(path.name for path in (tmp_path / "kept").iterdir())
    assert kept == ["kgplatform-queries.csv", "kgplatform-queries.zip", "kgplatform.grass"]
    dry = kgp("browser", "install", "--dry-run", "--json").json
    assert set(dry["config"]) == {
        "browser.post_connect_cmd",
        "browser.remote_content_hostname_whitelist",
    }
    assert kgp("browser", "install", "--remove", "--json").json == {"removed": False}
    unknown = kgp("browser", "install", "--graph", "film")
    assert unknown.code == 2
    assert "did you mean 'films'" in unknown.err


def test_a_graph_that_is_not_there_is_named(store: Store, films: str) -> None:
    with pytest.raises(UnknownNameError, match="no such graph"):
        read_contents(store, "filmz")
    # The one with the most entities, where none is named.
    assert read_contents(store).graph == FILMS


def test_a_load_ends_with_a_link_to_what_it_loaded(
    kgp: Kgp, store: Store, tmp_path: Path, graph_name: str
) -> None:
    (tmp_path / "facts.tsv").write_text("head\trelation\ttail\na\tR\tAT&T #1\n")
    loaded = kgp("load", "facts.tsv", "--graph", graph_name, "--json").json
    assert len(store.rows(editor(loaded["browser_link"]))) == 1
    told = kgp("load", "facts.tsv", "--graph", graph_name)
    assert told.out.splitlines()[-1] == f"look: {loaded['browser_link']}"
    dry = kgp("load", "facts.tsv", "--graph", graph_name, "--dry-run", "--json").json
    assert "browser_link" not in dry
    (tmp_path / "text.md").write_text("A text.")
    documents = kgp("load", "text.md", "--graph", f"{graph_name}-texts", "--json").json
    assert len(store.rows(editor(documents["browser_link"]))) == 1
