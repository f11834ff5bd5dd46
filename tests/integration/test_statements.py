"""Facts as answers cite them, read from a real graph."""

import pytest

from kgplatform.answer.records import Path, data_of
from kgplatform.store.client import Store
from kgplatform.store.links import Link, write_links
from kgplatform.store.load import load
from kgplatform.store.statements import passages, statements_around
from kgplatform.store.writeback import Target
from kgplatform.triples import Entity, Triple, fact_id


@pytest.fixture
def poland(store: Store, graph_name: str) -> str:
    """A graph of two facts, one predicted link, and a passage that states one of the facts."""
    entities = [Entity("pl", name="Poland"), Entity("de", name="Germany"), Entity("waw")]
    facts = [Triple("pl", "BORDERS", "de"), Triple("pl", "CAPITAL", "waw")]
    load(store, graph_name, entities, facts, source="atlas")
    target = Target(graph=graph_name)
    write_links(store, "run-1", {}, target, [Link("de", "BORDERS", "waw", 3.0, 0.7, 1)])
    store.run(
        "CREATE (c:Chunk {graph: $graph, id: 'c1', text: 'Poland borders Germany.', start: 4, "
        "end: 27})-[:PART_OF]->(:Document {graph: $graph, id: 'd1', title: 'Poland'}) "
        "WITH c MATCH ({graph: $graph, id: 'pl'})-[r:BORDERS]->() "
        "SET r.confidence = 0.9, r.evidence = ['c1', 'gone'], r.run = 'run-2'",
        graph=graph_name,
    )
    return graph_name


def test_statements_say_their_kind_confidence_and_source(store: Store, poland: str) -> None:
    found = statements_around(store, poland, ["de", "waw", "nobody"])
    asserted, predicted = found["de"]
    assert (asserted.kind, asserted.confidence, asserted.run) == ("asserted", 0.9, "run-2")
    assert (asserted.head_name, asserted.relation, asserted.tail_name) == (
        "Poland",
        "BORDERS",
        "Germany",
    )
    assert asserted.sources == ("atlas",)
    assert asserted.id == fact_id(poland, "pl", "BORDERS", "de")
    assert (predicted.kind, predicted.confidence, predicted.run) == ("predicted", 0.7, "run-1")
    assert (predicted.relation, predicted.tail_name) == ("BORDERS", "waw")
    assert [one.kind for one in found["waw"]] == ["asserted", "predicted"]
    assert found["nobody"] == []


def test_statements_are_chosen_by_kind_relation_and_number(store: Store, poland: str) -> None:
    only = statements_around(store, poland, ["pl", "de"], predicted=False, relations=["BORDERS"])
    assert [len(only[each]) for each in ("pl", "de")] == [1, 1]
    (one,) = statements_around(store, poland, ["pl"], limit=1)["pl"]
    assert one.relation == "CAPITAL"  # a fact without a confidence counts as sure


def test_passages_are_found_and_missing_ones_left_out(store: Store, poland: str) -> None:
    (fact,) = statements_around(store, poland, ["de"], predicted=False)["de"]
    found = passages(store, poland, fact.evidence)
    assert list(found) == ["c1"]
    assert found["c1"].text[0:6] == "Poland"
    assert (found["c1"].document, found["c1"].title, found["c1"].uri) == ("d1", "Poland", None)
    data = data_of(Path((fact,), 0.9))
    assert data["statements"][0]["kind"] == "asserted"
