"""Texts of a real graph as vectors: written, found, taken back."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kgplatform.queries import quote
from kgplatform.store.client import Store
from kgplatform.text.encode import load_encoder

ENTITIES = [
    ("e1", "Marie Curie", "physicist who discovered radium"),
    ("e2", "Pierre Curie", "French physicist"),
    ("e3", "Warsaw", "capital of Poland"),
    ("e4", "Paris", "capital of France"),
    ("e5", "e5", ""),
]


@pytest.fixture
def graph(kgp: Any, store: Store, graph_name: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Five entities, four of them with names and descriptions."""
    monkeypatch.setenv("KGP_CACHE", str(Path("cache").resolve()))
    facts = [("e1", "born_in", "e3"), ("e2", "born_in", "e4"), ("e1", "knows", "e2")]
    facts += [("e3", "like", "e4"), ("e5", "like", "e4")]
    Path("facts.tsv").write_text("".join("\t".join(fact) + "\n" for fact in facts))
    assert kgp("load", "facts.tsv", "--graph", graph_name).code == 0
    store.run(
        "UNWIND $rows AS row MATCH (e:Entity {graph: $graph, id: row[0]}) "
        "SET e.name = row[1], e.description = row[2]",
        graph=graph_name,
        rows=[list(row) for row in ENTITIES],
    )
    return graph_name


def sets(store: Store, graph: str | None) -> dict[str, str]:
    """Run of the active set, by kind and label."""
    rows = store.rows(
        "MATCH (r:Run)-[:WROTE]->(s:EmbeddingSet {active: true}) "
        "WHERE s.graph = $graph OR (s.graph IS NULL AND $graph IS NULL) "
        "RETURN s.kind + ' ' + s.label AS kind, r.id AS run",
        graph=graph,
    )
    return {row["kind"]: row["run"] for row in rows}


def test_texts_beside_the_graph(kgp: Any, store: Store, graph: str) -> None:
    quick = ("--set", "epochs=2", "--set", "embedding_dim=8")
    trained = kgp("train", "distmult", "--graph", graph, *quick, "--json").json["run"]
    assert kgp("write", trained).code == 0
    made = kgp("encode", "--graph", graph, "--json").json
    assert (made["texts"], made["without"], made["dimension"]) == (5, 0, 384)
    assert sets(store, graph) == {"graph Entity": trained}
    dry = kgp("write", made["run"], "--dry-run", "--json").json
    assert dry["would_write"] == 5
    written = kgp("write", made["run"], "--json").json
    assert written["replaced"] is None
    assert sets(store, graph) == {"graph Entity": trained, "text Entity": made["run"]}
    rows = store.rows(
        "MATCH (e:Entity {graph: $graph}) RETURN e.id AS id, e[$name] AS v",
        graph=graph,
        name=written["property"],
    )
    texts = {key: ": ".join(filter(None, said)) for key, *said in ENTITIES}
    vectors = load_encoder()(*(texts[row["id"]] for row in rows)).pooled.numpy()
    assert np.allclose(vectors, [row["v"] for row in rows], atol=1e-5)
    by_text = kgp("similar", "Marie Curie", "--graph", graph, "--kind", "text", "--json").json
    assert by_text["hits"][0]["name"] == "Pierre Curie"
    by_graph = kgp("similar", "Marie Curie", "--graph", graph, "--json").json
    assert by_graph["hits"] != by_text["hits"]
    undone = kgp("undo", made["run"], "--json").json
    assert (undone["vectors"], undone["restored"]) == (5, None)
    assert sets(store, graph) == {"graph Entity": trained}
    ended = kgp("similar", "Marie Curie", "--graph", graph, "--kind", "text")
    assert ended.code == 1
    assert "no vectors of kind 'text'" in ended.err
    assert "kgp encode" in ended.err


def test_a_second_encoding_replaces_the_first_and_comes_from_the_cache(
    kgp: Any, store: Store, graph: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = kgp("encode", "--graph", graph, "--write", "--json").json
    assert list(Path("cache/text").glob("*/*.safetensors"))
    read = "kgplatform.text.vector_cache.text_vectors"
    monkeypatch.setattr(read, None)
    second = kgp("encode", "--graph", graph, "--write", "--json").json
    assert second["replaced"] == f"{first['run']}/text"
    # Without vectors of its links, a graph's nearest are those of its texts.
    assert kgp("similar", "e1", "--graph", graph, "--json").json["hits"][0]["id"] == "e2"
    assert kgp("undo", second["run"], "--json").json["restored"] == f"{first['run']}/text"


def test_another_encoder_is_named_beside_the_first(kgp: Any, store: Store, graph: str) -> None:
    assert kgp("encode", "--graph", graph, "--write").code == 0
    encoder = load_encoder()
    encoder.network.save("other")
    refused = kgp("encode", "--graph", graph, "--encoder", "other", "--write")
    assert refused.code == 1
    for named in ("'other'", "'minilm'", "384"):
        assert named in refused.err
    replaced = kgp("encode", "--graph", graph, "--encoder", "other", "--write", "--replace")
    assert "take the place of" in replaced.out
    assert kgp("encode", "--graph", graph, "--encoder", "./none").code == 1


def test_a_run_of_another_encoder_is_refused_until_it_is_said(
    kgp: Any, store: Store, graph: str
) -> None:
    first = kgp("encode", "--graph", graph, "--write", "--json").json["run"]
    load_encoder().network.save("other")
    second = kgp("encode", "--graph", graph, "--encoder", "other", "--json").json["run"]
    for way in ((), ("--dry-run",)):
        refused = kgp("write", second, *way)
        assert refused.code == 1
        for named in ("'other'", "'minilm'", first, "--replace"):
            assert named in refused.err
    assert sets(store, graph) == {"text Entity": first}
    assert kgp("write", second, "--replace", "--json").json["replaced"] == f"{first}/text"
    assert kgp("write", first).code == 1
    assert kgp("write", second).code == 0
    assert kgp("undo", second, "--json").json["restored"] == f"{first}/text"


def test_properties_of_ones_own_nodes(kgp: Any, store: Store, graph: str) -> None:
    label = f"Own_{graph.replace('-', '_')}"
    store.command(f"CREATE CONSTRAINT FOR (n:{quote(label)}) REQUIRE n.number IS UNIQUE")
    store.command(
        f"UNWIND [[1, 'red wine'], [2, 'white wine'], [3, null], [4, 'a car']] AS row "
        f"CREATE (n:{quote(label)} {{number: row[0], note: row[1]}})"
    )
    made = kgp(
        "encode", "--label", label, "--key", "number", "--property", "note", "--write", "--json"
    ).json
    assert (made["texts"], made["without"], made["written"]) == (3, 1, 3)
    exported = kgp("export-embeddings", made["run"], "--to", "v.npy", "--json").json
    assert exported["entities"] == 3
    assert kgp("undo", made["run"], "--json").json["vectors"] == 3
    wrong = kgp("encode", "--label", label, "--key", "number", "--property", "none")
    assert wrong.code == 1
    assert "none of 4 nodes" in wrong.err
    assert kgp("encode", "--label", label).code == 2
    assert kgp("encode", "--graph", "nowhere").code == 1


def test_chunks_of_documents(kgp: Any, store: Store, graph: str) -> None:
    Path("docs").mkdir()
    Path("docs/a.txt").write_text("Marie Curie was born in Warsaw. She discovered radium.")
    Path("docs/b.txt").write_text("Paris is the capital of France.")
    assert kgp("load", "docs", "--format", "documents", "--graph", graph).code == 0
    made = kgp("encode", "--graph", graph, "--what", "chunks", "--write", "--json").json
    assert (made["texts"], made["written"], made["missing"]) == (2, 2, 0)
    assert sets(store, graph) == {"text Chunk": made["run"]}
    (row,) = store.rows(
        "CALL db.index.vector.queryNodes($index, 1, $vector) YIELD node RETURN node.text AS text",
        index=made["index"],
        vector=load_encoder()("the French capital").pooled[0].tolist(),
    )
    assert row["text"].startswith("Paris")
    exported = kgp("export-embeddings", made["run"], "--to", "chunks.parquet", "--json").json
    assert exported["entities"] == 2
    assert kgp("undo", made["run"], "--json").json["vectors"] == 2
