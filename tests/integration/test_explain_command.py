"""``kgp explain`` of links and classes with a real server: printed, drawn, written, undone."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from kgplatform.store.client import Store
from kgplatform.store.load import load
from kgplatform.triples import Entity, Triple


@pytest.fixture
def family(store: Store, graph_name: str) -> str:
    """Sixty children with parents and grandparents."""
    facts = []
    for child in range(60):
        parent, grandparent = 60 + child // 2, 90 + child // 4
        facts.append(Triple(f"p{child}", "PARENT", f"p{parent}"))
        facts.append(Triple(f"p{parent}", "PARENT", f"p{grandparent}"))
        facts.append(Triple(f"p{child}", "GRANDPARENT", f"p{grandparent}"))
    entities = [Entity(f"p{at}", f"Person Nr{at}") for at in range(105)]
    load(store, graph_name, entities, facts, source="register")
    return graph_name


def test_a_link_is_explained_by_paths_and_rules(kgp: Any, store: Store, family: str) -> None:
    asked = ("explain", "Person Nr9", "GRANDPARENT", "p92", "--graph", family, "--run", "none")
    found = kgp(*asked, "--json").json
    assert found["subject"] == "The grandparent of Person Nr9 is Person Nr92."
    assert (found["statement"]["kind"], found["statement"]["sources"]) == ("asserted", ["register"])
    (path,) = [each for each in found["paths"] if len(each["statements"]) == 2]
    assert [(s["head"], s["tail"]) for s in path["statements"]] == [("p9", "p64"), ("p64", "p92")]
    assert path["confidence"] == 1.0
    # Nobody mined rules: the pattern of the path is counted for this link alone.
    assert found["rules"][0]["rule"] == "GRANDPARENT(X,Y) <- PARENT(X,A), PARENT(A,Y)"
    assert any("kgp rules mine" in note for note in found["notes"])
    assert kgp("rules", "mine", "--graph", family).code == 0
    shown = kgp(*asked, "--counterfactual")
    assert "GRANDPARENT(X,Y) <- PARENT(X,A), PARENT(A,Y): right 60 times in 60" in shown.out
    assert "Person Nr9 -[PARENT]-> Person Nr64 -[PARENT]-> Person Nr92" in shown.out
    assert "the surest path 1.000 → " in shown.out
    again = kgp(*asked, "--counterfactual", "--json").json
    changes = {(c["of"], c["without"]["head"]): c for c in again["counterfactuals"]}
    left = changes["rule", "p9"]
    assert left["after"] < left["before"]
    # The graph has the explained fact, and it was not among the reasons.
    facts = [s["id"] for each in again["paths"] for s in each["statements"]]
    assert again["statement"]["id"] not in facts
    unlikely = kgp("explain", "p9", "GRANDPARENT", "p104", "--graph", family, "--run", "none")
    assert "the graph does not say so" in unlikely.out


def test_an_explanation_is_drawn_and_written(
    kgp: Any, store: Store, family: str, tmp_path: Path
) -> None:
    asked = ("explain", "p9", "GRANDPARENT", "p92", "--graph", family, "--run", "none")
    for name in ("why.png", "why.svg"):
        assert kgp(*asked, "--counterfactual", "--plot", name, "--json").json["plot"] == name
        assert (tmp_path / name).stat().st_size > 5_000
    assert "Person Nr64" in (tmp_path / "why.svg").read_text("utf-8").replace("<!-- ", "")
    assert kgp(*asked, "--plot", "why.docx").code == 1
    page = kgp(*asked, "--plot", "why.html")
    if importlib.util.find_spec("neo4j_viz") is None:
        assert (page.code, "kgplatform[viz]" in page.err) == (2, True)
    else:
        assert "Person Nr64" in (tmp_path / "why.html").read_text("utf-8")
    assert kgp(*asked, "--write", "--dry-run", "--json").json["would_write"] == 1
    written = kgp(*asked, "--write", "--json").json
    (row,) = store.rows(
        "MATCH (a:Answer {run: $run})-[s:STEP {way: 1}]->(e:Entity) WITH a, e ORDER BY s.i "
        "RETURN a.name AS name, a.paths AS paths, collect(e.id) AS ids",
        run=written["run"],
    )
    assert row["ids"] == ["p9", "p64", "p92"]
    assert row["name"] == written["subject"]
    assert kgp("undo", written["run"], "--json").json["answers"] == 1
    assert store.rows("MATCH (a:Answer) RETURN a") == []


def test_a_model_says_what_it_thinks_and_what_that_hangs_on(
    kgp: Any, store: Store, family: str
) -> None:
    quick = ("--set", "epochs=25", "--set", "embedding_dim=16")
    run = kgp("train", "distmult", "--graph", family, *quick, "--json").json["run"]
    asked = ("explain", "p9", "GRANDPARENT", "p92", "--graph", family)
    found = kgp(*asked, "--counterfactual", "--json").json
    assert found["model"]["run"] == run
    assert 0 < found["model"]["probability"] < 1
    assert all(each["statement"]["relation"] == "GRANDPARENT" for each in found["examples"])
    cosines = [each["similarity"] for each in found["examples"]]
    assert cosines == sorted(cosines, reverse=True)
    changes = [each for each in found["counterfactuals"] if each["of"] == "model"]
    assert changes
    assert all(each["before"] == found["model"]["probability"] for each in changes)
    assert "distmult (" in kgp(*asked).out
    for wrong, code in (
        (("explain", "p9", "GRANDPARENT", "--run", run), 2),
        (("explain", "--question", "who?", "--run", run), 2),
        (("explain", "p9", "GRANDPARENTS", "p92", "--run", run), 2),
        (("explain", "nobody", "GRANDPARENT", "p92", "--run", run), 1),
        (("explain", "p9", "GRANDPARENT", "p92", "--run", "none"), 2),
        (("explain", "p9", "GRANDPARENT", "p92", "--run", "nothing"), 2),
        (("explain", "p9", "GRANDPARENT", "p92", "--run", run, "--label", "L", "--key", "k"), 2),
    ):
        failed = kgp(*wrong)
        assert failed.code == code, failed.err
        assert "fix:" in failed.err
