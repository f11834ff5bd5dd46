"""`--match` and `--where`: a pattern as a projection."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kgplatform.store.client import Store
from kgplatform.store.cut import cut_of
from kgplatform.store.guard import check_reading
from kgplatform.store.links import Link, write_links
from kgplatform.store.load import load
from kgplatform.store.pattern import pattern_query
from kgplatform.store.writeback import Target
from kgplatform.triples import Triple

FACTS = [
    Triple("ann", "knows", "bob", "train"),
    Triple("bob", "knows", "cat", "test"),
    Triple("cat", "likes", "ann"),
    Triple("ann", "hates `it`", "cat"),
]


def lines(folder: Path) -> list[str]:
    return sorted(line for file in folder.glob("*.txt") for line in file.read_text().splitlines())


@pytest.fixture
def facts(store: Store, graph_name: str) -> None:
    load(store, graph_name, [], FACTS, source="t")
    write_links(store, "r-m", {}, Target(graph=graph_name), [Link("bob", "x", "ann", 1.0, 0.5)])
    load(store, graph_name + "-other", [], [Triple("dan", "knows", "eve")], source="t")


@pytest.mark.usefixtures("facts")
@pytest.mark.parametrize(
    ("given", "found"),
    [
        (["--match", "(h)-[r]->(t)"], FACTS),
        (["--match", "(h)-[r:knows|likes]->(t)"], FACTS[:3]),
        (["--match", "(t)<-[r:knows]-(h)", "--where", "h.id = $who // her"], FACTS[:1]),
        (["--match", "(h)-[r]->(t)<-[:likes]-()"], [FACTS[3]][:0]),
        (["--match", "(:Entity)-[:knows]->(h)-[r]->(t)"], FACTS[1:3]),
        (["--match", "(h)-[r:`hates ``it```]->(t)", "--where", "true OR true"], FACTS[3:]),
    ],
)
def test_a_pattern_is_a_projection(
    kgp: Callable[..., Any], graph_name: str, given: list[str], found: list[Triple], tmp_path: Path
) -> None:
    to = tmp_path / "out"
    result = kgp(
        "export", "--graph", graph_name, *given, "--param", "who=ann", "--format", "pykeen",
        "--to", to,
    )  # fmt: skip
    if not found:
        assert result.code == 1
        assert "names no facts" in result.err
        return
    assert result.code == 0, result.err
    assert lines(to) == sorted(f"{t.head}\t{t.relation}\t{t.tail}" for t in found)
    assert (to / "test.txt").exists() == (FACTS[1] in found)


@pytest.mark.usefixtures("facts")
def test_a_pattern_can_always_be_cut(store: Store, graph_name: str) -> None:
    for pattern in ("(t)<-[r]-(h)", "(:Entity)-->()<-[r]-(h), (t)", "(h)-[r]->(t {id: 'ann'})"):
        pattern = pattern.replace(", (t)", "-->(t)")
        query = pattern_query(pattern, "h.id > 'a'", "id", own=True)
        plan = check_reading(store, query, {"graph": graph_name}, ("head", "relation", "tail"))
        assert cut_of(query, plan.operators).node == "h", plan.operators


@pytest.mark.usefixtures("facts")
@pytest.mark.parametrize(
    "given",
    [
        ["--where", "h.id = 'a'"],
        ["--match", "(h)-[r]->(t)", "--cypher", "RETURN 1"],
        ["--match", "(h)-[r]->(t)", "--seeds", "ann"],
        ["--match", "(a)-->(b)"],
        ["--match", "(h)-[r]->(t)", "--where", "true) DETACH DELETE h //"],
        ["--match", "(h)-[r]->(t) CALL db.create.setNodeVectorProperty(h, 'x', [1.0])"],
    ],
)
def test_what_is_no_pattern_is_refused(
    kgp: Callable[..., Any],
    store: Store,
    digest: Callable[..., str],
    graph_name: str,
    given: list[str],
    tmp_path: Path,
) -> None:
    before = digest(store)
    to = tmp_path / "out"
    result = kgp("export", "--graph", graph_name, *given, "--format", "pykeen", "--to", to)
    assert result.code == 2, result.err
    assert not to.exists()
    assert digest(store) == before
