"""``kgp embed-new``: entities that came after a run, with a real server."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kgplatform.store.client import Store

QUICK = ("--set", "epochs=4", "--set", "evaluate_every=2", "--set", "embedding_dim=8")


def write_ring(path: Path, size: int = 20) -> None:
    rows = [f"e{i:02}\tnext\te{(i + 1) % size:02}\n" for i in range(size)]
    rows += [f"e{i:02}\tover\te{(i + 2) % size:02}\n" for i in range(size)]
    path.write_text("".join(rows))


@pytest.mark.parametrize("kept", [(), ("--bytes",)])
def test_new_entities_are_found_marked_and_taken_back(
    kgp: Any, store: Store, graph_name: str, digest: Callable[..., str], kept: tuple[str, ...]
) -> None:
    write_ring(Path("ring.tsv"))
    assert kgp("load", "ring.tsv", "--graph", graph_name).code == 0
    trained = kgp("train", "distmult", "--graph", graph_name, *QUICK, "--json")
    run = trained.json["run"]
    early = kgp("embed-new", run)
    assert early.code == 1
    assert f"kgp write {run}" in early.err
    Path("more.tsv").write_text("zoe\tnext\te05\ne03\tover\tzoe\nadam\tnext\teve\n")
    assert kgp("load", "more.tsv", "--graph", graph_name).code == 0
    before = digest(store)
    written = kgp("write", run, *kept, "--json").json
    assert written["written"] == 20

    with_vectors = digest(store)
    planned = kgp("embed-new", run, "--dry-run", "--json").json
    assert planned["entities"] == ["zoe"]
    assert planned["without"] == ["adam", "eve"]
    assert digest(store) == with_vectors
    told = kgp("embed-new", run, "--json").json
    assert (told["new"], told["written"], told["origin"]) == (3, 1, "neighbourhood")
    rows = store.rows(
        "MATCH (e:Entity {graph: $graph}) WHERE e[$mark] IS NOT NULL "
        "RETURN e.id AS id, e[$mark] AS origin, size(e[$name]) AS size, "
        "e[$bytes] IS NOT NULL AS bytes",
        graph=graph_name,
        mark=told["origin_property"],
        name=written["property"],
        bytes=f"{written['property']}_bytes",
    )
    assert rows == [{"id": "zoe", "origin": "neighbourhood", "size": 8, "bytes": bool(kept)}]
    hits = kgp("similar", "zoe", "--graph", graph_name, "--json").json["hits"]
    assert len(hits) == 10
    # Both can be repeated.
    with_new = digest(store)
    assert kgp("embed-new", run, "--json").json["written"] == 1
    assert kgp("write", run, *kept, "--json").code == 0
    assert digest(store) == with_new
    assert kgp("undo", run, "--json").json["vectors"] == 21
    assert digest(store) == before
