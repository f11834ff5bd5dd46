"""Bulk loads: the same database as over Bolt, refusals, and cuts at every stage."""

import datetime as dt
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psutil
import pytest
from hypothesis import Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from kgplatform import server as local
from kgplatform.bulk import bulk_load
from kgplatform.errors import InputError, ServerError, StoreError, UsageError
from kgplatform.ingest import Ingested, ingest
from kgplatform.server import importer, swap
from kgplatform.server.config import folders
from kgplatform.settings import Settings
from kgplatform.sources.rejects import RejectsFile
from kgplatform.sources.source import Source
from kgplatform.store.bulk.database import check_empty
from kgplatform.store.client import Store, connect
from kgplatform.store.remove import remove_graph
from kgplatform.triples import Chunk, Document, Entity, Triple, Value

OTHERWISE = {"version", "loaded", "finished", "seconds", "nid"}
"""Properties that differ between two loads of the same source, whichever way they go."""

HOSTILE = [
    "back`tick",
    "\\u0060) DETACH DELETE n //",
    'has "part"',
    '"',
    "a:b;c,d|e",
    "ÅÄÖ 漢字 العربية 🦉",
    "\u00a0",
    "x" * 1000,
]

EAST, PARIS = dt.timezone(dt.timedelta(hours=3)), ZoneInfo("Europe/Paris")

ENTITIES = [
    Entity("a", "Anna", "First.", ("Person", "we`ird:type"), {"age": 1, "tags": ["b", "a"]}),
    Entity("a", None, "Second,\nof two lines.", ("Chemist",), {"age": 2, "tags": ["c", "b"]}),
    Entity("text age", properties={"age": "unknown", "born": dt.date(1867, 11, 7)}),
    Entity("both", properties={"age": 1.5, "born": "long ago", "numbers": [2, 1]}),
    Entity("both", properties={"numbers": [1.5, 2.0]}),
    Entity("joined", properties={"one": "z"}),
    Entity("joined", properties={"one": ["y", "x"]}),
    Entity("named by property", properties={"name": "given", "description": "so"}),
    Entity("several names", properties={"name": ["one", "two"]}),
    Entity("nothing said"),
    Entity("empty", "", "", properties={"text": "", "list": [""], "lists": ["", ""]}),
    Entity("odd", properties={"{odd:1}": 1, ":start": "x", 'q"q': "y", "end ": [True, False]}),
    Entity("order", properties={"texts": ["🦉", "\uffee", "z", "Z", "é"], "zeros": [0.0, -0.0]}),
    Entity("moments", properties={"at": [dt.datetime(2020, 1, 1, 3, tzinfo=EAST)]}),
    Entity("moments", properties={"at": [dt.datetime(2020, 1, 1, tzinfo=dt.UTC)]}),
    Entity("equal", properties={"mixed": [1, 1.0, 2]}),
    Entity("equal", properties={"mixed": [2.0], "more": [1.0, 1]}),
    Entity("long", properties={"long": "é" * 400_000, "delimiter": ["a\x1fb", "c"]}),
]

TRIPLES = [
    Triple("a", "KNOWS", "b", "train"),
    Triple("a", "KNOWS", "b", "train"),
    Triple("a", "KNOWS", "b", "test"),
    Triple("a", "KNOWS", "b"),
    Triple("b", "KNOWS", "a", source="one"),
    Triple("b", "KNOWS", "a", source="two"),
    Triple("b", "KNOWS", "a", "valid"),
    Triple("a", "KNOWS", "a", "valid", properties={"weight": 0.5, "since": dt.date(2020, 1, 1)}),
    Triple("c", "KNOWS", "a", properties={"weight": 1, "note": "two\nlines", "odd}": "x"}),
    Triple("c", "KNOWS", "b", properties={"weight": 'tab\t"quoted"', "lists": [""]}),
    Triple("c", "KNOWS", "c", properties={}),
    *(Triple(name, name, f"{name[:900]} tail") for name in HOSTILE),
]

DOCUMENT = Document(
    "d", "notes.txt", "Notes", "0" * 64, (Chunk("c0", "One", 0, 3, 0), Chunk("c1", "Two", 4, 7, 1))
)


def source_of(
    triples: list[Triple],
    entities: Sequence[Entity] = (),
    name: str = "rich.nq",
) -> Source:
    return Source(
        name,
        "python",
        triples=lambda _: iter(triples),
        entities=lambda _: iter(entities),
        documents=lambda _: iter([DOCUMENT] if entities else []),
        prefixes={"ex": "http://example.org/"},
    )


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings of a server that these tests fill, stop and kill."""
    settings = Settings(
        neo4j_uri=None, kgp_home=tmp_path_factory.mktemp("bulk") / "it's, home", kgp_heap="768m"
    )
    try:
        yield settings
    finally:
        local.stop(settings)


def connected(own: Settings) -> Any:
    info = local.start(own)
    return connect(info.uri, info.username, info.password)


def empty(own: Settings) -> None:
    """Remove what a test has loaded."""
    with connected(own) as store:
        for row in store.rows("MATCH (g:KnowledgeGraph) RETURN g.name AS name"):
            remove_graph(store, row["name"])
        assert contents(store) == ([], [])


def contents(store: Store) -> tuple[list[str], list[str]]:
    """Every node but the schema's and every relationship, told apart by what they hold."""
    nodes = {
        row["id"]: repr((sorted(row["labels"]), told(row["properties"])))
        for row in store.rows(
            "MATCH (n) WHERE NOT n:SchemaMigration RETURN elementId(n) AS id, labels(n) AS labels, "
            "properties(n) AS properties"
        )
    }
    facts = [
        repr((nodes[row["start"]], row["type"], told(row["properties"]), nodes[row["end"]]))
        for row in store.rows(
            "MATCH (a)-[r]->(b) RETURN elementId(a) AS start, elementId(b) AS end, "
            "type(r) AS type, properties(r) AS properties"
        )
    ]
    return sorted(nodes.values()), sorted(facts)


def assert_same(found: tuple[list[str], list[str]], expected: tuple[list[str], list[str]]) -> None:
    for ours, theirs in zip(map(Counter, found), map(Counter, expected), strict=True):
        assert (list(ours - theirs)[:3], list(theirs - ours)[:3]) == ([], [])


def told(properties: dict[str, Any]) -> list[tuple[str, str]]:
    return sorted((name, repr(v)) for name, v in properties.items() if name not in OTHERWISE)


def in_bulk(own: Settings, source: Source, tmp_path: Path, graph: str = "g") -> Ingested:
    with RejectsFile(tmp_path / "bulk.tsv") as rejects:
        return bulk_load(own, graph, source, rejects)


def over_bolt(store: Store, source: Source, tmp_path: Path, graph: str = "g") -> Ingested:
    with RejectsFile(tmp_path / "bolt.tsv") as rejects:
        return ingest(store, graph, source, rejects)


def assert_dense(store: Store, graph: str = "g") -> None:
    (row,) = store.rows(
        "MATCH (g:KnowledgeGraph {name: $graph}) MATCH (e:Entity {graph: $graph}) "
        "WITH g, e ORDER BY e.nid RETURN g.next_nid AS next, g.loading AS loading, "
        "collect(e.nid) AS nids",
        graph=graph,
    )
    assert row["nids"] == list(range(row["next"]))
    assert row["loading"] is None


def test_a_bulk_load_makes_what_bolt_makes(
    own: Settings, store: Store, digest: Any, tmp_path: Path
) -> None:
    source = source_of(TRIPLES, ENTITIES)
    slow = over_bolt(store, source, tmp_path)
    fast = in_bulk(own, source, tmp_path)
    with connected(own) as other:
        assert_same(contents(other), contents(store))
        assert digest(other, OTHERWISE | {"checksum", "applied"}) == digest(
            store, OTHERWISE | {"checksum", "applied"}
        )
        assert_dense(other)
        assert other.rows("SHOW INDEXES YIELD state WHERE state <> 'ONLINE' RETURN state") == []
    assert (tmp_path / "bulk.tsv").read_text() == (tmp_path / "bolt.tsv").read_text()
    for name in ("created", "unchanged", "entities_created", "entities_described", "hash"):
        assert getattr(fast.facts, name) == getattr(slow.facts, name), name
    assert fast.facts.conflicts == slow.facts.conflicts
    assert fast.documents == slow.documents
    home = folders(own).home
    assert sorted(path.name for path in home.parent.iterdir()) == ["bulk-load.lock", "neo4j"]
    assert not (home / "import.json").exists()
    remove_graph(store, "g")


def test_what_is_there_is_named_and_stays(own: Settings, tmp_path: Path) -> None:
    with connected(own) as store:
        before = contents(store)
    assert before != ([], [])
    with pytest.raises(StoreError, match=r"holds graph g, .* nodes .*Chunk.*") as refused:
        in_bulk(own, source_of(TRIPLES), tmp_path)
    assert "--bulk" in refused.value.hint
    with connected(own) as store:
        assert contents(store) == before
    empty(own)
    with connected(own) as store:
        store.command("CREATE INDEX mine FOR (p:Person) ON (p.email)")
    with pytest.raises(StoreError, match="holds index mine"):
        in_bulk(own, source_of(TRIPLES), tmp_path)
    with connected(own) as store:
        store.command("DROP INDEX mine")


def test_what_does_not_fit_is_refused(own: Settings, tmp_path: Path, settings: Settings) -> None:
    source = source_of(TRIPLES)
    with pytest.raises(UsageError, match="NEO4J_URI"):
        in_bulk(settings, source, tmp_path)
    with pytest.raises(InputError, match="name of the graph"):
        in_bulk(own, source, tmp_path, graph=" ")
    with pytest.raises(InputError, match="control character"):
        in_bulk(own, source_of(TRIPLES, name="two\nlines"), tmp_path)
    mixed = [Entity("e", properties={"p": "text"}), Entity("e", properties={"p": [True]})]
    with pytest.raises(InputError, match="several kinds"):
        in_bulk(own, source_of([], mixed), tmp_path)
    empty(own)


ZONES: st.SearchStrategy[Any] = st.sampled_from(
    [None, dt.UTC, EAST, dt.timezone(dt.timedelta(hours=-5, minutes=-30))]
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
SCALARS: tuple[st.SearchStrategy[Any], ...] = (
    TEXTS,
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.dates(),
    st.datetimes(dt.datetime(1950, 1, 2), dt.datetime(2036, 12, 30), timezones=ZONES),
    st.times(),
)
LISTS = [
    st.lists(kind, min_size=1, max_size=4).filter(
        lambda v: len({getattr(x, "tzinfo", None) is None for x in v}) == 1
    )
    for kind in SCALARS
]
PROPERTIES = st.dictionaries(
    st.sampled_from(["p", "q", "rdfs:label", "größe", "a b", "{x}"]),
    st.one_of(*SCALARS, *LISTS),
    max_size=3,
)


def drawn(number: int) -> list[dict[str, Value]]:
    """Properties as hypothesis draws them: many, to be loaded at once."""
    collected: list[dict[str, Value]] = []

    @hypothesis_settings(max_examples=number, database=None, phases=[Phase.generate])
    @given(PROPERTIES)
    def collect(properties: dict[str, Value]) -> None:
        collected.append(properties)

    collect()
    return collected


def test_values_come_through_as_over_bolt(own: Settings, store: Store, tmp_path: Path) -> None:
    said = drawn(2_000)
    empty(own)
    entities = [Entity(f"e{i}", properties=given) for i, given in enumerate(said[::2])]
    triples = [Triple(f"e{i}", "R", "x", properties=given) for i, given in enumerate(said[1::2])]
    source = source_of(triples, entities)
    over_bolt(store, source, tmp_path)
    in_bulk(own, source, tmp_path)
    with connected(own) as other:
        assert_same(contents(other), contents(store))
    remove_graph(store, "g")
    empty(own)


def start_kgp(own: Settings, folder: Path, facts: int = 20_000) -> "subprocess.Popen[str]":
    """``kgp load --bulk`` of a file, as a process of its own."""
    file = folder / "many.tsv"
    if not file.exists():
        file.write_text("".join(f"e{i % 999}\tR\te{i}\n" for i in range(facts)))
    command = "from kgplatform.cli import main; main()"
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("NEO4J_", "KGP_"))}
    return subprocess.Popen(
        [sys.executable, "-c", command, "load", "many.tsv", "--bulk", "--graph", "g", "--json"],
        cwd=folder,
        env={**environment, "KGP_HOME": str(own.kgp_home), "KGP_HEAP": "768m"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(process: "subprocess.Popen[str]", word: str) -> None:
    assert process.stderr is not None
    seen = []
    for line in process.stderr:
        seen.append(line)
        if word in line:
            return
    raise AssertionError("".join(seen))


def java_of(own: Settings) -> psutil.Process:
    """The importer, once it works."""
    mark = f"-Dkgplatform.import={folders(own).home.parent / 'bulk-load'}"
    until = time.monotonic() + 60
    while time.monotonic() < until:
        for process in psutil.process_iter():
            try:
                if mark in process.cmdline():
                    return process
            except psutil.Error:
                continue
    raise AssertionError("no importer runs")


def assert_loaded(own: Settings, folder: Path, expected: tuple[list[str], list[str]]) -> None:
    """The same command completes the load."""
    process = start_kgp(own, folder)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert '"graph": "g"' in out
    with connected(own) as other:
        found = contents(other)
        assert_dense(other)
    assert_same(without_load(found), without_load(expected))
    empty(own)


def without_load(found: tuple[list[str], list[str]]) -> tuple[list[str], list[str]]:
    """Without the record of the load: it tells how much of it was new."""
    return [node for node in found[0] if "['Load']" not in node], found[1]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("many")


@pytest.fixture(scope="module")
def expected(own: Settings, folder: Path) -> tuple[list[str], list[str]]:
    """What a load that nothing disturbs makes."""
    process = start_kgp(own, folder)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    with connected(own) as other:
        found: tuple[list[str], list[str]] = contents(other)
    assert len(found[1]) == 20_000
    empty(own)
    return found


def test_a_killed_importer_leaves_the_database_empty(
    own: Settings, folder: Path, expected: tuple[list[str], list[str]]
) -> None:
    process = start_kgp(own, folder)
    java_of(own).kill()
    _, err = process.communicate(timeout=300)
    assert process.returncode == 1, err
    assert "nothing was loaded" in err
    assert local.running(own) is not None, "it ran before"
    with connected(own) as store:
        assert contents(store) == ([], [])
    assert not (folders(own).home.parent / "bulk-load").exists()


def test_ctrl_c_leaves_the_database_empty(own: Settings, folder: Path) -> None:
    process = start_kgp(own, folder)
    java_of(own)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 130, err
    assert local.running(own) is not None, "it ran before"
    with connected(own) as store:
        assert contents(store) == ([], [])


@pytest.mark.parametrize("word", ["importing", "starting Neo4j"])
def test_a_killed_load_is_completed_by_the_next(
    own: Settings, folder: Path, expected: tuple[list[str], list[str]], word: str
) -> None:
    local.start(own)
    process = start_kgp(own, folder)
    if word.startswith("starting"):
        # It was found running before; after the import it starts with the new database.
        wait_for(process, "importing")
    wait_for(process, word)
    process.kill()
    process.communicate(timeout=60)
    assert_loaded(own, folder, expected)


def test_what_somebody_else_writes_meanwhile_is_not_lost(
    own: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check_empty_then_write(store: Store) -> None:
        check(store)
        store.command("CREATE (:Mine)")

    local.start(own)
    check, calls = check_empty, iter([check_empty, check_empty_then_write])
    monkeypatch.setattr("kgplatform.bulk.check_empty", lambda store: next(calls)(store))
    with pytest.raises(StoreError, match="something else was written"):
        in_bulk(own, source_of(TRIPLES), tmp_path)
    with connected(own) as store:
        assert contents(store)[0] == ["(['Mine'], [])"]
        store.command("MATCH (m:Mine) DELETE m")


def test_a_full_disk_is_told(
    own: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    many = [Triple(f"e{i}", "R", f"e{i + 1}") for i in range(120_000)]
    local.start(own)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, limits[1]))
    try:
        with pytest.raises(ServerError, match="cannot be written") as full:
            in_bulk(own, source_of(many), tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "make room" in full.value.hint
    with connected(own) as store:
        assert contents(store) == ([], [])


def test_two_bulk_loads_wait_for_each_other(own: Settings, tmp_path: Path) -> None:
    told: list[str] = []
    # The driver takes no time with an offset, and reads anything as the offset of a ZoneInfo, so
    # nothing over Bolt compares with these.
    at: dict[str, Value] = {
        "at": dt.time(12, tzinfo=EAST),
        "on": dt.datetime(2019, 7, 1, tzinfo=PARIS),
    }
    noon = Entity("noon", properties=at)
    source = source_of(TRIPLES, [noon])
    first = threading.Thread(target=in_bulk, args=(own, source, tmp_path))
    first.start()
    time.sleep(1)
    (tmp_path / "second").mkdir()
    with (
        RejectsFile(tmp_path / "second" / "r.tsv") as rejects,
        pytest.raises(StoreError, match="holds graph g"),
    ):
        bulk_load(own, "h", source, rejects, progress=lambda stage, done, total: told.append(stage))
    first.join()
    assert "waiting for another bulk load (s)" in told
    with connected(own) as store:
        (row,) = store.rows("MATCH (e {id: 'noon'}) RETURN toString(e.at) + toString(e.on) AS at")
    assert row["at"] == "12:00:00+03:002019-07-01T00:00:00+02:00[Europe/Paris]"
    empty(own)


def test_clear_removes_what_is_left_and_ends_its_process(tmp_path: Path) -> None:
    folder = tmp_path / "bulk-load"
    (folder / "home").mkdir(parents=True)
    mark = f"-Dkgplatform.import={folder}"
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(99)", mark]) as left:
        importer.clear(folder)
        assert not psutil.pid_exists(left.pid) or left.poll() is not None
    assert not folder.exists()
    assert swap.uncompleted(folders(Settings(neo4j_uri=None, kgp_home=tmp_path))) is None
