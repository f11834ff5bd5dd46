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


def test_questions_come_from_the_graph(kgp: Any, store: Store, graph_name: str) -> None:
    facts = [Triple(f"p{at}", "likes", f"p{(at + 3) % 10}") for at in range(10)]
    load(store, graph_name, [], facts, source="test")
    store.run(
        "UNWIND range(0, 9) AS at MATCH (e:Entity {graph: $graph, id: 'p' + at}) "
        "CREATE (e)<-[:ABOUT]-(:Asked {graph: $graph, said: 'whom does it like ?', number: at, "
        "answers: ['p' + ((at + 3) % 10), 'a|b'], part: CASE WHEN at < 7 THEN 'train' "
        "WHEN at < 9 THEN 'valid' ELSE 'test' END})",
        graph=graph_name,
    )
    match = "MATCH (q:Asked {graph: $graph})-[:ABOUT]->(e) WITH q, e ORDER BY q.number"
    query = (
        f"{match} RETURN q.said AS said, e.id AS topic, q.answers[0..1] AS answers, q.part AS split"
    )
    base = ("train", "joint-qa", "--graph", graph_name, *QUICK, "--question-column", "said")
    told = kgp(*base, "--texts", query, "--json").json
    assert told["questions"] == 10
    assert {split: each["count"] for split, each in told["metrics"].items()} == {
        "valid": 2,
        "test": 1,
    }
    Path("asked.cypher").write_text(query.replace("answers[0..1]", "answers[0]"))
    assert kgp(*base, "--texts", "asked.cypher", "--json").json["questions"] == 10
    left = kgp(*base, "--texts", query.replace("[0..1]", ""), "--json").json["left_out"]
    assert left == {}  # that there is no a|b matters not, since the other answer is there
    for changed, said in (
        (query.replace(" AS said", " AS other"), "said"),
        (query.replace(" AS answers", " AS other"), "no column answer"),
        (query.replace("q.answers[0..1]", "null"), "row 1: the question has no answer"),
        (f"{match} WHERE q.number > 99 RETURN q.said AS said, '' AS answer", "no questions"),
        (query.replace("RETURN", "SET q.seen = 1 RETURN"), "write"),
    ):
        refused = kgp(*base, "--texts", changed)
        assert refused.code in (1, 2), changed
        assert said in refused.err, refused.err
