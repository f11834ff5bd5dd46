"""``kgp extract``, ``kgp review`` and ``kgp undo`` as a user calls them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from extraction_commands import answer, write_documents, write_judge, write_schema

from kgplatform.store.client import Store
from kgplatform.store.load import load
from kgplatform.triples import Entity, Triple

Kgp = Callable[..., Any]
Digest = Callable[..., str]
ModelServers = Callable[..., Any]

CHANGES = {"version", "loaded"}
TEXTS = {
    "a": "Paris is the capital of France. France borders Spain.",
    "b": "It is well known that Paris is the capital of France. Spain borders Portugal.",
    "c": "France borders Spain, and Maria was born in Paris.",
}


def facts(store: Store, graph: str) -> list[tuple[str, str, str]]:
    rows = store.rows(
        "MATCH (h:Entity {graph: $graph})-[r:!MENTIONED_IN]->(t:Entity) "
        "RETURN h.name AS head, type(r) AS relation, t.name AS tail ORDER BY head, relation, tail",
        graph=graph,
    )
    return [(row["head"], row["relation"], row["tail"]) for row in rows]


@pytest.fixture
def model(model_server: ModelServers, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An endpoint that reads the patterns' sentences as a language model would."""
    monkeypatch.setenv("KGP_LLM_MODEL", "small")
    return model_server(lambda heard: answer(heard.document))


def test_from_documents_to_decisions_and_back(
    kgp: Kgp, store: Store, graph_name: str, tmp_path: Path, model: Any, digest: Digest
) -> None:
    entities = [Entity("Q1", "Paris", None, ("City",)), Entity("Q2", "France", None, ("Country",))]
    load(store, graph_name, entities, [Triple("Q1", "IN", "Q2", "train")], source="atlas")
    before = digest(store, ignoring=CHANGES)
    documents = write_documents(tmp_path / "notes", TEXTS)
    schema, judge = write_schema(tmp_path), write_judge(tmp_path)
    flags = ("--graph", graph_name, "--schema", schema, "--judge", judge)
    command = ("extract", documents, *flags, "--llm", model.url, "--names-only", "--json")

    dry = kgp(*command, "--dry-run").json
    assert (dry["accepted"], dry["staged"], dry["dry_run"]) == (2, 2, True)
    assert digest(store, ignoring=CHANGES) == before
    asked = len(model.heard)

    first = kgp(*command).json
    assert first["documents"] == {
        "read": 3,
        "done_before": 0,
        "created": 3,
        "replaced": 0,
        "removed": 0,
    }
    assert first["facts"]["extracted"] == 6
    assert (first["accepted"], first["staged"], first["rejected"]) == (2, 2, 0)
    # The dry run's answers were kept: nothing is paid for twice.
    assert len(model.heard) == asked
    assert first["spent"]["requests"] == 0
    assert facts(store, graph_name) == [
        ("France", "BORDERS", "Spain"),
        ("Paris", "CAPITAL_OF", "France"),
        ("Paris", "IN", "France"),
    ]
    after = digest(store, ignoring=CHANGES)
    again = kgp(*command).json
    assert again["documents"]["done_before"] == 3
    assert digest(store, ignoring=CHANGES) == after

    listed = kgp("review", "list", "--graph", graph_name, "--json").json["candidates"]
    assert {each["relation"] for each in listed} == {"BORDERS", "BORN_IN"}
    (born,) = (each for each in listed if each["relation"] == "BORN_IN")
    assert born["text"] == "France borders Spain, and Maria was born in Paris."
    shown = kgp("review", "show", born["id"][:10], "--graph", graph_name)
    assert "Maria BORN_IN Paris: staged" in shown.out
    assert "notes/c.txt" in shown.out
    assert "asserted, tail: CAPITAL_OF → France; IN → France" in shown.out
    done = kgp("review", "accept", born["id"], "--graph", graph_name, "--why", "known", "--json")
    assert done.json["facts_created"] == 1
    assert ("Maria", "BORN_IN", "Paris") in facts(store, graph_name)
    (other,) = (each for each in listed if each["relation"] == "BORDERS")
    kgp("review", "reject", other["id"][:10], "--graph", graph_name, "--by", "ann")
    file = tmp_path / "decisions.jsonl"
    assert kgp("review", "export", file, "--graph", graph_name, "--json").json["written"] == 2
    decisions = [json.loads(line) for line in file.read_text().splitlines()]
    assert {(each["status"], each["why"]) for each in decisions} == {
        ("accepted", "known"),
        ("rejected", None),
    }
    assert all(each["features"] for each in decisions)
    tsv = tmp_path / "negatives.tsv"
    kgp("review", "export", tsv, "--graph", graph_name)
    assert tsv.read_text() == f"{other['head']}\tBORDERS\t{other['tail']}\n"

    assert kgp("review", "fit", tmp_path / "own.json", "--graph", graph_name).code == 1

    auto = kgp("review", "auto", *flags, "--accept", "0.5", "--json").json
    assert auto["decided"] == 2
    planned = kgp("undo", first["run"], "--dry-run", "--json").json
    assert (planned["candidates"], planned["facts"], planned["documents"]) == (4, 3, 3)
    kgp("undo", first["run"])
    store.run("MATCH (d:Decision {graph: $graph}) DELETE d", graph=graph_name)
    assert digest(store, ignoring=CHANGES) == before


def test_mistakes_are_told_with_a_way_out(
    kgp: Kgp, graph_name: str, tmp_path: Path, model: Any
) -> None:
    documents = write_documents(tmp_path / "notes", TEXTS)
    schema = write_schema(tmp_path)
    flags = ("--graph", graph_name, "--schema", schema)
    ended = kgp("extract", documents, *flags, "--extractor", "llm")
    assert ended.code == 2
    assert "--llm" in ended.err
    assert kgp("extract", tmp_path / "none", *flags).code == 1
    assert kgp("extract", documents, *flags, "--accept", "0.1", "--reject", "0.5").code == 2
    ended = kgp("extract", documents, "--graph", graph_name, "--llm", model.url)
    assert ended.code == 1
    assert "no graph" in ended.err
    assert kgp("review", "show", "ffff", "--graph", graph_name).code == 2
