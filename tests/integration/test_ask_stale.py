"""``kgp ask`` beside a run that was trained on another state of the graph."""

from typing import Any

from kgplatform.store.client import Store
from kgplatform.store.load import load
from kgplatform.triples import Entity, Triple


def test_a_newest_run_that_does_not_fit_is_left_out_and_a_named_one_refused(
    kgp: Any, store: Store, graph_name: str
) -> None:
    towns = [Entity(name.lower(), name, types=("Town",)) for name in ("Ulm", "Trier", "Jena")]
    people = [Entity(f"p{at}", name) for at, name in enumerate(("Ada", "Bert", "Cleo", "Dora"))]
    facts = [Triple(f"p{at}", "BORN_IN", towns[at % 3].entity_id) for at in range(4)]
    load(store, graph_name, [*towns, *people], facts, source="parish")
    small = ("--set", "epochs=1", "--set", "embedding_dim=4")
    run = kgp("train", "distmult", "--graph", graph_name, *small, "--json").json["run"]

    load(store, graph_name, [Entity("p4", "Emil")], [Triple("p4", "BORN_IN", "ulm")], source="new")
    question = ("ask", "Where was Ada born?", "--graph", graph_name)
    asked = kgp(*question)
    assert (asked.code, asked.out.splitlines()[0]) == (0, "Ulm")
    assert f"run {run} is not asked: " in asked.err
    refused = kgp(*question, "--run", run)
    assert refused.code == 1
    assert refused.err.splitlines()[-2].startswith("error: ")
