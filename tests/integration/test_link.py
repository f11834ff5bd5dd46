"""Texts linked to a real graph, by command."""

from pathlib import Path
from typing import Any

import pytest

from kgplatform.store.client import Store

ENTITIES: list[list[Any]] = [
    ["planet", "Mercury", ["planet Mercury"], "smallest planet, nearest to the Sun"],
    ["element", "Mercury", ["quicksilver"], "liquid metal, chemical element 80"],
    ["venus", "Venus", None, "second planet from the Sun"],
    ["gold", "gold", "Aurum", "yellow precious metal"],
]


@pytest.fixture
def graph(kgp: Any, store: Store, graph_name: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Two things called Mercury, and what each is near to."""
    monkeypatch.setenv("KGP_CACHE", str(Path("cache").resolve()))
    Path("facts.tsv").write_text("planet\tnear\tvenus\nelement\tlike\tgold\n")
    assert kgp("load", "facts.tsv", "--graph", graph_name).code == 0
    store.run(
        "UNWIND $rows AS row MATCH (e:Entity {graph: $graph, id: row[0]}) "
        "SET e.name = row[1], e.aliases = row[2], e.description = row[3]",
        graph=graph_name,
        rows=ENTITIES,
    )
    Path("texts.txt").write_text(
        "Mercury orbits the Sun within the path of Venus.\n\n"
        "Quicksilver, or mercury, is a metal. Aurum is one, too, a yellow and precious one.\n",
        encoding="utf-8",
    )
    return graph_name


def test_mentions_with_places_and_confidence(kgp: Any, graph: str) -> None:
    data = kgp("link", "texts.txt", "--graph", graph, "--json").json
    assert (data["encoder"], data["graph_vectors"]) == ("minilm", False)
    meant = [
        [(each["surface"], each["entity_id"]) for each in text["mentions"]]
        for text in data["texts"]
    ]
    assert meant == [
        [("Mercury", "planet"), ("Venus", "venus")],
        [("Quicksilver", "element"), ("mercury", "element"), ("Aurum", "gold")],
    ]
    for text in data["texts"]:
        for each in text["mentions"]:
            assert text["text"][each["start"] : each["end"]] == each["surface"]
            assert 0 <= each["confidence"] <= 1
    shown = kgp("link", "texts.txt", "--graph", graph, "--names-only", "--whole")
    assert shown.code == 0
    assert "Quicksilver" in shown.out
    strict = kgp("link", "texts.txt", "--graph", graph, "--threshold", 1, "--json").json
    assert {e["entity_id"] for text in strict["texts"] for e in text["mentions"]} == {None}


def test_vectors_of_the_graph_take_part(kgp: Any, graph: str) -> None:
    quick = ("--set", "epochs=2", "--set", "embedding_dim=8", "--set", "valid_share=0")
    trained = kgp("train", "distmult", "--graph", graph, *quick, "--set", "test_share=0", "--json")
    assert kgp("write", trained.json["run"]).code == 0
    assert kgp("encode", "--graph", graph, "--write").code == 0
    data = kgp("link", "texts.txt", "--graph", graph, "--json").json
    assert data["graph_vectors"] is True
    assert data["texts"][0]["mentions"][0]["entity_id"] == "planet"


def test_what_cannot_be_is_said(kgp: Any, graph: str) -> None:
    assert kgp("link", "none.txt", "--graph", graph).code == 1
    assert kgp("link", "texts.txt", "--graph", "nowhere").code == 1
    assert kgp("link", "texts.txt", "--graph", graph, "--names-only", "--encoder", "x").code == 2
    Path("broken.txt").write_bytes(b"\xff\xfe\xff")
    assert "UTF-8" in kgp("link", "broken.txt", "--graph", graph).err
    Path("empty.txt").write_text("")
    assert "no name" in kgp("link", "empty.txt", "--graph", graph).out
