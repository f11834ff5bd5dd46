"""The part of a graph around seeds: the facts that a walk in plain Python finds."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kgplatform.errors import InputError, StoreError
from kgplatform.graph.projection import snapshot_of_seeds
from kgplatform.graph.snapshot import from_triples
from kgplatform.store import subgraph
from kgplatform.store.client import Store
from kgplatform.store.links import Link, write_links
from kgplatform.store.load import load
from kgplatform.store.writeback import Target
from kgplatform.triples import Entity, Triple


@pytest.fixture
def facts(store: Store, graph_name: str) -> list[Triple]:
    """Sparse facts, among them loops and pairs both ways, and an entity without any."""
    generator = np.random.default_rng(3)
    triples = [
        Triple(f"e{head}", f"r{kind}", f"e{tail}", "test" if kind else None)
        for head, tail, kind in generator.integers(0, (80, 80, 2), (90, 3)).tolist()
    ]
    triples += [Triple("e0", "r0", "e0"), Triple("e1", "r0", "e2"), Triple("e2", "r0", "e1")]
    triples = list({(t.head, t.relation, t.tail): t for t in triples}.values())
    load(store, graph_name, [Entity("alone")], triples, source="random")
    return triples


def walked(facts: list[Triple], seeds: list[str], hops: int) -> set[Triple]:
    reached, found = set(seeds), set()
    for _ in range(hops):
        found |= {fact for fact in facts if reached & {fact.head, fact.tail}}
        reached |= {end for fact in found for end in (fact.head, fact.tail)}
    return found


@pytest.mark.parametrize("hops", [1, 2, 3])
@pytest.mark.parametrize("at_once", [1, 1_000])
def test_it_holds_what_a_walk_finds(
    store: Store,
    graph_name: str,
    facts: list[Triple],
    hops: int,
    at_once: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(subgraph, "AT_ONCE", at_once)
    write_links(
        store, "r-1", {}, Target(graph=graph_name), [Link("e0", "guess", "alone", 1.0, 0.5)]
    )
    found = snapshot_of_seeds(store, graph_name, ["e0", "e1", "e0"], hops)
    wanted = walked(facts, ["e0", "e1"], hops)
    assert 0 < len(wanted) < len(facts)
    assert found.digest == from_triples(wanted).digest


def test_a_seed_without_facts_is_kept(store: Store, graph_name: str, facts: list[Triple]) -> None:
    found = snapshot_of_seeds(store, graph_name, ["alone", "e0"], 1)
    assert "alone" in found.entities
    with pytest.raises(InputError, match="names no facts"):
        snapshot_of_seeds(store, graph_name, ["alone"], 2)


def test_a_seed_that_is_not_there_is_named(
    store: Store, graph_name: str, facts: list[Triple]
) -> None:
    with pytest.raises(InputError, match=r"1 seeds are not in graph .*'nobody'"):
        snapshot_of_seeds(store, graph_name, ["e0", "nobody"], 2)


def test_a_graph_that_changes_between_hops_is_noticed(
    store: Store, graph_name: str, facts: list[Triple]
) -> None:
    def write(stage: str, done: int, total: int | None) -> None:
        if total is None and done:
            load(store, graph_name, [], [Triple("e0", "late", f"new{done}")], source="late")

    with pytest.raises(StoreError, match="changed while it was read"):
        snapshot_of_seeds(store, graph_name, ["e0"], 3, write)


def test_the_command(
    store: Store,
    graph_name: str,
    facts: list[Triple],
    kgp: Callable[..., Any],
    tmp_path: Path,
) -> None:
    given = ("export", "--graph", graph_name, "--seeds", "e1", "--hops", "1", "--format", "pykeen")
    told = kgp(*given, "--to", tmp_path / "around", "--json").json
    assert told["facts"] == len(walked(facts, ["e1"], 1))
    refused = kgp(*given, "--cypher", "RETURN 1", "--to", tmp_path / "other")
    assert refused.code == 2
    assert "--seeds" in refused.err
