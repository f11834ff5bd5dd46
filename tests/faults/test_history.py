"""Writes and undos in any order against a model: the database holds what the model says.

Every step calls what a command calls, on the session's real server. After each step all of the
graph is compared; in the end all runs are undone and the graphs removed, and the database must be
what it was before the first step, to the digest.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from campaign import counted, drawn, points
from extraction_stages import stages, texts_source
from history_machine import Digest, History
from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from kgplatform.facts.pipeline import extract_documents, extraction_id
from kgplatform.facts.review import decide
from kgplatform.store.answers import Answer, write_answers
from kgplatform.store.client import Store
from kgplatform.store.load import load
from kgplatform.store.schema import migrate
from kgplatform.store.undo import undo
from kgplatform.store.writeback import Target, bytes_property, set_of_run, write_vectors
from kgplatform.triples import Triple, fact_id

STEPS = points(15, 200)
SEQUENCES = points(2, 8)


@pytest.mark.slow
def test_any_sequence_of_writes_and_undos_is_what_the_model_says(
    store: Store, digest: Digest, tmp_path: Path
) -> None:
    migrate(store)
    told: Counter[str] = Counter()

    class Own(History):
        pass

    Own.store, Own.digest, Own.told, Own.folder = store, staticmethod(digest), told, tmp_path
    seed(drawn("history").getrandbits(32))(Own)
    run_state_machine_as_test(
        Own,
        settings=settings(
            max_examples=SEQUENCES,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    steps = told.total() - told["sequences"] - told["undone at the end"]
    assert told["sequences"] >= SEQUENCES
    counted(
        "undo",
        "a sequence of writes and undos against a model, then all undone to the first digest",
        told["sequences"],
        survived=told["sequences"],
        steps=steps,
        lost=0,
        doubled=0,
    )


def entities(store: Store, graph: str) -> list[str]:
    rows = store.rows("MATCH (e:Entity {graph: $g}) RETURN e.id AS id ORDER BY id", g=graph)
    return [row["id"] for row in rows]


def extract_twice(store: Store, graph: str, said: str) -> str:
    """Two documents that say the same, so that it is accepted; the extraction's id."""
    texts = texts_source({"one": said, "two": f"It is known: {said}"})
    extract_documents(
        store, graph, texts, stages(store, graph), on_reject=lambda reject: None, replace=True
    )
    return extraction_id(graph, "notes", "patterns")


def test_an_entity_that_its_source_gave_up_goes_with_the_last_fact_from_texts(
    store: Store, graph_name: str
) -> None:
    both = [Triple("Ada", "KNOWS", "Bela"), Triple("Bela", "KNOWS", "Emil")]
    load(store, graph_name, [], both, source="a")
    run = extract_twice(store, graph_name, "Ada borders Emil.")
    load(store, graph_name, [], both[:1], source="a", replace=True)
    assert entities(store, graph_name) == ["Ada", "Bela", "Emil"]
    undo(store, run)
    assert entities(store, graph_name) == ["Ada", "Bela"]


def test_an_answer_keeps_no_entity_that_its_source_has_given_up(
    store: Store, graph_name: str
) -> None:
    load(store, graph_name, [], [Triple("Ada", "KNOWS", "Emil")], source="a")
    answer = Answer("only", {"probability": 0.5}, (("Ada", "Emil"),))
    write_answers(store, f"w-{graph_name}", {}, Target(graph=graph_name), [answer])
    load(store, graph_name, [], [Triple("Ada", "KNOWS", "Bela")], source="a", replace=True)
    assert entities(store, graph_name) == ["Ada", "Bela"]
    undo(store, f"w-{graph_name}")


def test_what_runs_and_texts_wrote_stays_when_a_source_is_replaced(
    store: Store, graph_name: str
) -> None:
    facts = [Triple("Ada", "KNOWS", "Bela")]
    load(store, graph_name, [], facts, source="a")
    extract_twice(store, graph_name, "Ada borders Bela.")
    run, target = f"r-{graph_name}", Target(graph=graph_name)
    write_vectors(
        store, run, {}, target, ["Ada", "Bela"], np.eye(2, dtype=np.float32), keep_bytes=True
    )
    read = "MATCH (e:Entity {graph: $g, id: 'Ada'}) RETURN properties(e) AS p"
    before = store.rows(read, g=graph_name)
    assert bytes_property(set_of_run(run).property) in before[0]["p"]
    assert before[0]["p"]["llm_facts"]
    load(store, graph_name, [], facts, source="a", replace=True)
    assert store.rows(read, g=graph_name) == before
    undo(store, run)


def test_vectors_leave_an_entity_that_is_none_any_more(store: Store, graph_name: str) -> None:
    extraction = extract_twice(store, graph_name, "Xeno borders Yara.")
    run, target = f"r-{graph_name}", Target(graph=graph_name)
    write_vectors(store, run, {}, target, ["text:Xeno"], np.ones((1, 2), np.float32))
    fact = fact_id(graph_name, "text:Xeno", "BORDERS", "text:Yara")
    decide(store, graph_name, [fact], "rejected", by="anna")
    undo(store, run)
    left = store.rows(
        "MATCH (e:NewEntity {graph: $g}) WHERE any(k IN keys(e) WHERE k STARTS WITH 'embedding_') "
        "RETURN e.id AS id",
        g=graph_name,
    )
    assert left == []
    undo(store, extraction)
