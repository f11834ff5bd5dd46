"""``kgp train joint-classify``: from texts and a graph in Neo4j to a report and vectors."""

import csv
import json
from pathlib import Path
from typing import Any

from kgplatform.store.client import Store

QUICK = ("--set", "epochs=15", "--set", "width=16", "--set", "encoder=sgc")


def write_clubs(folder: Path) -> None:
    """Two rings whose members say nothing of their ring, but half their words."""
    folder.mkdir()
    rows, entities = [], []
    for club, word in (("red", "apples"), ("blue", "rivers")):
        for i in range(20):
            rows += [f"{club}{i:02}\tknows\t{club}{(i + step) % 20:02}\n" for step in (1, 2)]
            entities.append(f"{club}{i:02}\tlikes {word if i % 2 else 'music'}\n")
    (folder / "facts.tsv").write_text("".join(rows))
    (folder / "entities.tsv").write_text("id\tdescription\n" + "".join(entities))


def assert_beside_the_others(kgp: Any, store: Store, graph: str, joint: str) -> None:
    """The vectors of facts, of texts and of both are active side by side; undoing leaves two."""
    quick = ("--set", "epochs=1", "--set", "embedding_dim=8")
    facts = kgp("train", "distmult", "--graph", graph, *quick, "--json").json["run"]
    assert kgp("write", facts, "--json").json["replaced"] is None
    texts = kgp("encode", "--graph", graph, "--write", "--json").json["run"]
    active = (
        "MATCH (r:Run)-[:WROTE]->(s:EmbeddingSet {graph: $graph, active: true}) "
        "RETURN s.kind AS kind, r.id AS run"
    )

    def kinds() -> dict[str, str]:
        return {row["kind"]: row["run"] for row in store.rows(active, graph=graph)}

    every = {"graph": facts, "joint": joint, "text": texts}
    assert kinds() == every
    hits = {
        kind: kgp("similar", "red00", "--graph", graph, "--kind", kind, "--json").json["hits"]
        for kind in every
    }
    assert len({str(found) for found in hits.values()}) == 3
    assert kgp("similar", "red00", "--graph", graph, "--json").json["hits"] == hits["graph"]
    for run, left in ((facts, ("joint", "text")), (texts, ("joint",))):
        assert kgp("undo", run).code == 0
        assert kinds() == {kind: every[kind] for kind in left}
    missing = kgp("similar", "red00", "--graph", graph, "--kind", "text")
    assert "no vectors of kind 'text'" in missing.err
    again = kgp("write", joint, "--json").json
    assert again["replaced"] is None


def assert_class_is_explained(kgp: Any, run: str) -> None:
    """What each modality is worth to an entity's text, and the texts most like it."""
    (found,) = kgp("explain", "red03", "--run", run, "--json").json["explanations"]
    worth = {each["modality"]: each for each in found["modalities"]}
    assert {"text", "graph"} <= set(worth)
    assert abs(worth["text"]["weight"] + worth["graph"]["weight"] - 1) < 1e-4
    assert all(each["probability"] == found["confidence"] for each in worth.values())
    assert all(each["label"] in ("red", "blue") for each in found["examples"])
    assert "modality" in kgp("explain", "0", "--run", run, "--plot", "class.png").out
    assert Path("class.png").exists()
    nobody = kgp("explain", "rde03", "--run", run)
    assert nobody.code == 1
    assert "red03" in nobody.err


def test_one_command_says_whether_the_graph_helped(kgp: Any, graph_name: str, store: Store) -> None:
    write_clubs(Path("clubs"))
    assert kgp("load", "clubs", "--graph", graph_name).code == 0
    with Path("texts.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["what", "club", "who"])
        for club in ("red", "blue"):
            for i in range(20):
                table.writerow([f"number {i}", club, f"{club}{i:02}"])
    columns = ("--text-column", "what", "--label-column", "club", "--entity-column", "who")
    given = ("--graph", graph_name, "--texts", "texts.csv", *columns, *QUICK)
    ended = kgp("train", "joint-classify", *given, "--controls", "--json")
    assert ended.code == 0, ended.err
    found = ended.json
    assert found["graph_helped"] in (False, None)  # one seed claims nothing
    assert set(found["macro_f1"]) >= {"fused", "text only", "entities permuted", "TF-IDF"}
    run = found["run"]
    assert json.loads((Path("runs") / run / "joint.json").read_text())["classes"] == ["blue", "red"]
    assert_class_is_explained(kgp, run)
    written = kgp("write", run, "--json").json
    assert written["written"] == 40
    name = written["property"]
    (shares,) = store.rows(
        f"MATCH (e:Entity {{graph: $graph}}) WHERE e.{name}_text_weight IS NOT NULL "
        f"WITH e.{name}_text_weight + e.{name}_graph_weight AS whole "
        "RETURN count(whole) AS nodes, max(abs(whole - 1)) AS off",
        graph=graph_name,
    )
    assert shares["nodes"] == 40
    assert shares["off"] < 1e-5
    assert len(kgp("similar", "red00", "--graph", graph_name, "--json").json["hits"]) > 0
    assert_beside_the_others(kgp, store, graph_name, run)
    assert kgp("undo", run).code == 0
    (left,) = store.rows(
        "MATCH (e:Entity {graph: $graph}) "
        "RETURN count([k IN keys(e) WHERE k STARTS WITH 'embedding'][0]) AS nodes",
        graph=graph_name,
    )
    assert left["nodes"] == 0

    query = (
        "MATCH (e:Entity {graph: $graph}) "
        "RETURN e.description AS text, substring(e.id, 0, 3) AS label, e.id AS entity"
    )
    told = kgp("train", "joint-classify", "--graph", graph_name, "--texts", query, *QUICK)
    assert told.code == 0, told.err
    assert "text alone" in told.out

    along = ("--strategy", "embedding", "--set", "link_weight=0.1", "--set", "relations=true")
    around = ("--set", "neighbours=2", "--set", "epochs=3", "--set", "width=16", "--json")
    both = kgp("train", "joint-classify", *given[:10], *along, *around)
    assert both.code == 0, both.err
    assert kgp("write", both.json["run"], "--json").json["written"] == 40
    assert kgp("undo", both.json["run"]).code == 0

    refused = kgp("train", "joint-classify", *given[:4], *QUICK)
    assert refused.code == 2
    assert "no such column" in refused.err
    bad = kgp("train", "joint-classify", *given, "--modality", "nothing")
    assert bad.code == 1
    assert "no entity has the property 'nothing'" in bad.err


def test_entities_are_found_by_their_names(kgp: Any, graph_name: str) -> None:
    write_clubs(Path("clubs"))
    lines = [
        f"{club}{i:02}\tMember {club} {i:02}\tlikes music\n"
        for club in ("red", "blue")
        for i in range(20)
    ]
    (Path("clubs") / "entities.tsv").write_text("id\tname\tdescription\n" + "".join(lines))
    assert kgp("load", "clubs", "--graph", graph_name).code == 0
    rows = [f"A note on member {c} {i:02},{c}\n" for c in ("red", "blue") for i in range(20)]
    Path("texts.csv").write_text("text,label\n" + "".join(rows))
    given = ("--graph", graph_name, "--texts", "texts.csv", "--link", *QUICK)
    told = kgp("train", "joint-classify", *given)
    assert told.code == 0, told.err
    assert "40 of them with entities of 40" in told.err.replace("\n", " ")
    query = "MATCH (a)-[r]->(b) RETURN a.id AS head, type(r) AS relation, b.id AS tail"
    refused = kgp("train", "joint-classify", "--cypher", query, *given[2:])
    assert refused.code == 2
    assert "found by name in a graph" in refused.err
