"""``kgp train walker`` and ``kgp explain`` with a real server: trained, written, drawn, undone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kgplatform.store.client import Store
from kgplatform.store.load import load
from kgplatform.triples import Entity, Triple

QUICK = (
    *("--set", "embedding_dim=16", "--set", "hidden=16", "--set", "epochs=4"),
    *("--set", "evaluate_every=2", "--set", "learning_rate=0.01", "--set", "batch_size=16"),
)


def family(store: Store, graph: str) -> None:
    facts = []
    for child in range(60):
        parent, grandparent = 60 + child // 2, 90 + child // 4
        facts.append(Triple(f"p{child}", "PARENT", f"p{parent}"))
        facts.append(Triple(f"p{parent}", "PARENT", f"p{grandparent}"))
        facts.append(
            Triple(
                f"p{child}",
                "GRANDPARENT",
                f"p{grandparent}",
                split="test" if child % 10 == 9 else "valid" if child % 10 == 8 else "train",
            )
        )
    entities = [Entity(f"p{at}", f"Person Nr{at}") for at in range(105)]
    load(store, graph, entities, facts, source="test")


def test_facts_are_walked_to_and_explained(kgp: Any, store: Store, graph_name: str) -> None:
    family(store, graph_name)
    none = ("--set", "teacher=none")
    told = kgp("train", "walker", "--graph", graph_name, *QUICK, *none, "--json").json
    assert told["metrics"]["test"]["tail"]["mrr"] > 0.5
    run = told["run"]
    asked = ("explain", "p9", "GRANDPARENT", "p92", "--run", run)
    (answer,) = kgp(*asked, "--counterfactual", "--json").json["answers"]
    assert answer["id"] == "p92"
    best = answer["paths"][0]
    assert best["entities"] == ["p9", "p64", "p92"]
    assert best["facts"] == [["p9", "PARENT", "p64"], ["p64", "PARENT", "p92"]]
    assert best["rule"]["rule"] == "GRANDPARENT(X,Y) <- PARENT(X,A), PARENT(A,Y)"
    # Of 60 pairs that the body joins, those in train have the head.
    assert (best["rule"]["support"], best["rule"]["body"]) == (48, 60)
    assert [each["without"] for each in answer["counterfactual"]] == best["facts"]
    # A fact that is known does not explain itself.
    (known,) = kgp("explain", "p0", "GRANDPARENT", "p90", "--run", run, "--json").json["answers"]
    assert all(["p0", "GRANDPARENT", "p90"] not in path["facts"] for path in known["paths"])
    best = kgp("explain", "p9", "GRANDPARENT", "--run", run, "--json").json["answers"]
    assert "p9" not in [each["id"] for each in best]
    shown = kgp("explain", "p9", "GRANDPARENT", "--run", run, "--counterfactual")
    assert "p9 -[PARENT]-> p64 -[PARENT]-> p92" in shown.out
    assert "without p9 -[PARENT]-> p64" in shown.out
    planned = kgp(*asked, "--write", "--dry-run", "--json").json
    assert planned["would_write"] == 1
    count = "MATCH (a:Answer {run: $run})-[s:STEP]->(:Entity) RETURN count(s) AS steps"
    assert store.rows(count, run=run) == [{"steps": 0}]
    for _ in range(2):
        written = kgp(*asked, "--write", "--json").json["written"]
        assert written["answers"] == 1
        assert written["missing"] == 0
        # Writing it again replaces it.
        assert store.rows(count, run=run) == [{"steps": written["steps"]}]
    (row,) = store.rows(
        "MATCH (a:Answer {run: $run})-[s:STEP {way: 1}]->(e:Entity) WITH a, e ORDER BY s.i "
        "RETURN a.answer AS answer, collect(e.id) AS ids",
        run=run,
    )
    assert row == {"answer": "p92", "ids": ["p9", "p64", "p92"]}
    assert kgp("write", run, "--json").json["written"] == 105
    assert kgp("undo", run, "--dry-run", "--json").json["answers"] == 1
    undone = kgp("undo", run, "--json").json
    assert (undone["answers"], undone["vectors"]) == (1, 105)
    assert store.rows("MATCH (a:Answer {run: $run}) RETURN a", run=run) == []
    for wrong, code in (
        (("explain", "p9", "--run", run), 2),
        (("explain", "nobody", "PARENT", "--run", run), 1),
        (("explain", "p9", "PARENTS", "--run", run), 2),
        (("explain", "--question", "who is p9 ?", "--run", run), 2),
        (("train", "walker", "--graph", graph_name, "--set", "stepz=2"), 2),
        (("train", "walker", "--graph", graph_name, "--set", "teacher=nobody"), 2),
        (("train", "walker", "--graph", graph_name, "--questions", "nowhere.tsv"), 1),
        (("train", "walker", "--resume", run), 1),
    ):
        failed = kgp(*wrong)
        assert failed.code == code, failed.err
        assert "fix:" in failed.err


def test_questions_in_words_are_walked_for(
    kgp: Any, store: Store, graph_name: str, tmp_path: Path
) -> None:
    family(store, graph_name)
    rows = ["question\tanswers"]
    for child in range(60):
        rows.append(f"who is the parent of Person Nr{child} ?\tp{60 + child // 2}")
        rows.append(f"who is the parent of the parent of Person Nr{child} ?\tp{90 + child // 4}")
    rows.append("who is nobody ?\tp1")
    questions = tmp_path / "q.tsv"
    questions.write_text("\n".join(rows) + "\n")
    command = ("train", "walker", "--graph", graph_name, "--questions", str(questions), *QUICK)
    longer = ("--set", "epochs=16", "--set", "clone_epochs=12", "--set", "writer=template")
    told = kgp(*command, *longer, "--json").json
    assert told["left_out"] == {"they name no entity of the graph": 1}
    assert told["metrics"]["test"]["hits_at_1"] > 0.5
    asked = ("explain", "--question", "who is the parent of Person Nr9?", "--run", told["run"])
    found = kgp(*asked, "--json").json["answers"]
    assert found[0]["paths"][0]["entities"][0] == "p9"
    assert found[0]["paths"][0]["rule"] is None
    texts = told["metrics"]["test"]["texts"]
    assert texts["writer"] == texts["template"]
    assert texts["writer"]["exact_match"] == told["metrics"]["test"]["hits_at_1"]
    said = kgp(*asked, "--json").json["text"]
    assert "of Person Nr9 is Person Nr" in said
    assert kgp(*asked).out.startswith(said)
    assert "1. p" in kgp(*asked, "--write").out
    assert kgp("undo", told["run"], "--json").json["answers"] == len(found)
