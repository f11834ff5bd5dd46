"""``kgp train … --set task=classify``: from labels in the graph to labels of those without."""

from pathlib import Path
from typing import Any


def write_clubs(folder: Path) -> None:
    """Two rings; all members but the last of each have the label of their ring."""
    folder.mkdir()
    rows = []
    for club in ("red", "blue"):
        for i in range(15):
            rows += [f"{club}{i:02}\tknows\t{club}{(i + step) % 15:02}\n" for step in (1, 2, 4)]
    (folder / "facts.tsv").write_text("".join(rows))
    names = [f"{club}{i:02}" for club in ("red", "blue") for i in range(15)]
    lines = [f"{name}\t{name[:-2] if not name.endswith('14') else ''}\n" for name in names]
    (folder / "entities.tsv").write_text("id\tdescription\n" + "".join(lines))


def test_labels_of_entities_that_have_none(kgp: Any, graph_name: str) -> None:
    write_clubs(Path("clubs"))
    assert kgp("load", "clubs", "--graph", graph_name).code == 0
    labels = (
        f"MATCH (e:Entity {{graph: '{graph_name}'}}) WHERE e.description <> '' "
        "RETURN e.id AS entity, e.description AS label"
    )
    assert kgp("project", graph_name, "--graph", graph_name, "--labels", labels).code == 0
    settings = ("--set", "task=classify", "--set", "embedding_dim=8", "--set", "epochs=40")
    trained = kgp("train", "sage", "--project", graph_name, *settings, "--json").json
    assert trained["metrics"]["test"].keys() >= {"accuracy", "macro_f1", "calibration_error"}
    run = trained["run"]
    told = kgp("predict", run, "--head", "red14", "--json").json
    (label,) = told["labels"]
    assert (label["entity"], label["label"]) == ("red14", "red")
    assert 0.5 < label["probability"] <= 1
    assert "accuracy" in kgp("runs", "show", run).out
    assert kgp("runs", "list").code == 0
    assert kgp("evaluate", run, "--json").json["metrics"] == trained["metrics"]
    refused = kgp("predict", run, "--write")
    assert refused.code == 2
    assert "labels, not links" in refused.err
    assert kgp("write", run, "--graph", graph_name, "--json").json["written"] == 30
    assert kgp("plot", run).code == 0
