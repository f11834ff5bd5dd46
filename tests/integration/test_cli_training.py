"""What is around a training, by command: results, pictures, trackers, a search of settings."""

import json
from pathlib import Path
from typing import Any

import pytest

from kgplatform.store.client import Store
from kgplatform.store.labels import labels_of

QUICK = ("--set", "epochs=4", "--set", "evaluate_every=2", "--set", "embedding_dim=8")


@pytest.fixture
def graph(kgp: Any, store: Store, graph_name: str) -> str:
    """A ring of thirty entities, of which every third is a city and the others people."""
    lines = []
    for i in range(30):
        for number, (relation, step) in enumerate((("next", 1), ("next", 2), ("back", -1))):
            split = ("valid", "test", *["train"] * 8)[(3 * i + number) % 10]
            lines.append(f"e{i:02}\t{relation}\te{(i + step) % 30:02}\t{split}\n")
    Path("facts.tsv").write_text("head\trelation\ttail\tsplit\n" + "".join(lines))
    assert kgp("load", "facts.tsv", "--graph", graph_name).code == 0
    store.run(
        "MATCH (e:Entity {graph: $graph}) WITH e, toInteger(substring(e.id, 1)) % 3 = 0 AS city "
        "FOREACH (_ IN CASE WHEN city THEN [1] ELSE [] END | SET e:City) "
        "FOREACH (_ IN CASE WHEN city THEN [] ELSE [1] END | SET e:Person)",
        graph=graph_name,
    )
    return graph_name


def test_results_stand_beside_what_rules_reach(kgp: Any, graph: str) -> None:
    trained = kgp("train", "distmult", "--graph", graph, *QUICK)
    assert "epoch 4 of 4: loss" in trained.err
    for text in ("rules alone", "95 % of mrr", "test by cardinality", "facts join entities"):
        assert text in trained.out
    shown = kgp("runs", "show", "latest", "--relations", 1)
    assert "test by relation" in shown.out
    assert "and 1 relations more" in shown.out
    data = kgp("evaluate", "latest", "--json").json["metrics"]["test"]
    assert data.keys() >= {"mrr_interval", "cardinalities", "relations", "baseline"}
    assert data["relations"].keys() == {"back", "next"}
    assert "by relation" in kgp("evaluate", "latest").out
    assert "95 %" in Path("runs", data_run(kgp), "card.md").read_text()


def data_run(kgp: Any) -> str:
    return str(kgp("runs", "list", "--json").json["runs"][-1]["run"])


def test_pictures(kgp: Any, store: Store, graph: str) -> None:
    first = kgp("train", "distmult", "--graph", graph, *QUICK, "--json").json["run"]
    second = kgp("train", "transe", "--graph", graph, *QUICK, "--json").json["run"]
    drawn = kgp("plot", first, "--kind", "relations", "--json").json
    assert Path(drawn["picture"]).name == "relations.png"
    assert kgp("plot", first, "--kind", "projection", "--to", "labels.svg").code == 0
    assert kgp("plot", first, "--kind", "projection", "--color", "none", "--to", "p.svg").code == 0
    assert labels_of(store, graph, ["e00", "e01", "none"]) == ["City", "Person", None]
    coloured, plain = Path("labels.svg").read_text(), Path("p.svg").read_text()
    second_color = "#ff7f0e"
    assert second_color in coloured
    assert second_color not in plain
    wrong = kgp("plot", first, "--kind", "projection", "--color", "kind")
    assert wrong.code == 2
    assert "no such category" in wrong.err
    assert "suffix" in kgp("plot", first, "--to", "x.abc").err
    compared = kgp("runs", "compare", first, second, "--plot", "both.svg", "--json").json
    assert compared["picture"] == "both.svg"
    assert "<svg" in Path("both.svg").read_text()


def test_a_search_is_resumed_and_trained_with(kgp: Any, graph: str) -> None:
    search = ("--search", "learning_rate=0.01..0.5:log", "--search", "embedding_dim=4,8")
    settings = ("--set", "epochs=3", "--set", "evaluate_every=1")
    found = kgp("tune", "distmult", "--graph", graph, "--trials", 2, *search, *settings, "--json")
    study = found.json
    assert study["complete"] == 2
    assert study["best"]["settings"].keys() == {
        "learning_rate",
        "embedding_dim",
        "epochs",
        "evaluate_every",
    }
    # A study is no run.
    assert kgp("runs", "list", "--json").json["runs"] == []
    more = kgp("tune", "distmult", "--resume", study["study"], "--trials", 3)
    assert "3 trials complete" in more.out
    assert f"--config {study['config']}" in more.out
    trained = kgp("train", "distmult", "--graph", graph, "--config", study["config"], "--json").json
    again = kgp("tune", "distmult", "--resume", study["study"], "--trials", 3, "--json").json
    assert trained["metrics"]["valid"]["mrr"] == pytest.approx(again["best"]["valid_mrr"])
    for mistake in (
        ("tune", "transe", "--resume", study["study"]),
        ("tune", "distmult", "--graph", graph, "--search", "epochs=9..1"),
        ("tune", "distmult", "--graph", graph, "--search", "epoch=1..9"),
        ("tune", "distmult", "--resume", "nothing"),
        ("tune", "distmult", "--trials", 0),
    ):
        refused = kgp(*mistake)
        assert refused.code == 2, mistake
        assert "fix:" in refused.err
    assert len(list(Path("runs").glob("*tune*"))) == 1


def test_a_training_is_tracked(kgp: Any, graph: str) -> None:
    pytest.importorskip("tensorboard", reason="needs the extra track")
    run = kgp(
        "train", "distmult", "--graph", graph, *QUICK, "--track", "tensorboard", "--json"
    ).json
    assert list(Path(run["folder"], "tensorboard").glob("events.*"))
    lines = Path(run["folder"], "metrics.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["triples_per_second"] > 0
