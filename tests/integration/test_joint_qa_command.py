"""``kgp train joint-qa`` with a real server: trained, written, found, undone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kgplatform.joint.qa_run import answer
from kgplatform.store.client import Store
from kgplatform.store.load import load
from kgplatform.training.artifacts import load_run
from kgplatform.triples import Entity, Triple

QUICK = ("--set", "epochs=4", "--set", "hops=2", "--set", "patience=2")


def test_questions_are_learnt_and_answered(
    kgp: Any, store: Store, graph_name: str, tmp_path: Path
) -> None:
    facts, rows = [], ["question\tanswers"]
    for at in range(20):
        facts.append(Triple(f"p{at}", "spouse", f"p{(at + 7) % 20}"))
        facts.append(Triple(f"p{at}", "born_in", f"t{at % 6}"))
        rows.append(f"where was Person Nr{at} born ?\tTown Nr{at % 6}")
        rows.append(f"who is the wife of Person Nr{at} ?\tp{(at + 7) % 20}")
    rows.append("who is nobody ?\tp1")
    entities = [Entity(f"p{at}", f"Person Nr{at}") for at in range(20)]
    entities += [Entity(f"t{at}", f"Town Nr{at}") for at in range(6)]
    load(store, graph_name, entities, facts, source="test")
    questions = tmp_path / "q.tsv"
    questions.write_text("\n".join(rows) + "\n")
    command = ("train", "joint-qa", "--texts", str(questions), *QUICK)
    told = kgp(*command, "--graph", graph_name, "--json").json
    assert told["left_out"] == {"they name no entity of the graph": 1}
    assert told["metrics"]["test"]["count"] + told["metrics"]["valid"]["count"] >= 4
    run = load_run(Path(told["folder"]))
    found = answer(run, "where was Person Nr3 born?")
    assert found[0].name.startswith("Town")
    assert "hits_at_1" in kgp("runs", "show", run.id).out
    assert kgp("write", run.id, "--json").json["written"] == 26
    assert kgp("similar", "p3", "--graph", graph_name, "--json").json["hits"]
    assert kgp("undo", run.id, "--json").json["vectors"] == 26
    # What a query returns is a graph, too; here without names.
    query = (
        f"MATCH (h:Entity {{graph: '{graph_name}'}})-[r]->(t:Entity) "
        "RETURN h.name AS head, type(r) AS relation, t.name AS tail"
    )
    rows[2::2] = [row.replace("\tp", "\tPerson Nr") for row in rows[2::2]]
    questions.write_text("\n".join(rows) + "\n")
    told = kgp(*command, "--cypher", query)
    assert told.code == 0, told.err
    assert "are answered right" in told.out
    missing = kgp("train", "joint-qa", "--graph", graph_name, "--texts", "nowhere.tsv")
    assert missing.code == 1
