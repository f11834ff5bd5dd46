"""Writes and undos in any order against a model: the database holds what the model says.

Every step calls what a command calls, on the session's real server. After each step all of the
graph is compared; in the end all runs are undone and the graphs removed, and the database must be
what it was before the first step, to the digest.
"""

from __future__ import annotations

import itertools
import uuid
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from campaign import counted, drawn, points
from extraction_stages import stages, texts_source
from history_model import Fact, GraphModel
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    precondition,
    rule,
    run_state_machine_as_test,
)

from kgplatform.errors import InputError, StoreError
from kgplatform.facts.pipeline import extract_documents, extraction_id
from kgplatform.facts.review import decide
from kgplatform.store.answers import Answer, write_answers
from kgplatform.store.client import Store
from kgplatform.store.links import Link, write_links
from kgplatform.store.load import load
from kgplatform.store.remove import remove_graph
from kgplatform.store.schema import migrate
from kgplatform.store.undo import undo
from kgplatform.store.writeback import Target, bytes_property, set_of_run, write_vectors
from kgplatform.triples import Entity, Triple, fact_id

Digest = Callable[..., str]

STEPS = points(15, 200)
SEQUENCES = points(2, 8)

NAMES = ("Ada", "Bela", "Cleo", "Dora", "Emil")
TEXT_NAMES = ("Bela", "Emil", "Xeno", "Yara")
KINDS = {"r0": "graph", "r1": "graph", "r2": "graph", "r3": "text", "r4": "text"}

places = st.sampled_from((0, 0, 0, 1))
loaded = st.lists(
    st.tuples(
        st.sampled_from(NAMES), st.sampled_from(("BORDERS", "KNOWS")), st.sampled_from(NAMES)
    ),
    min_size=1,
    max_size=6,
)
said = st.lists(
    st.tuples(st.sampled_from(TEXT_NAMES), st.just("BORDERS"), st.sampled_from(TEXT_NAMES)),
    min_size=1,
    max_size=3,
)
CONTENT = """
CALL () {
  MATCH (e:Entity {graph: $graph}) RETURN 'entity' AS kind, [e.id, e.sources] AS row
  UNION ALL
  MATCH (e:NewEntity {graph: $graph}) RETURN 'new' AS kind, [e.id] AS row
  UNION ALL
  MATCH (h:Entity {graph: $graph})-[r:!PREDICTED&!MENTIONED_IN]->(t:Entity)
  RETURN 'fact' AS kind, [h.id, type(r), t.id, r.sources, r.fact_id] AS row
  UNION ALL
  MATCH (h:Entity {graph: $graph})-[r:PREDICTED]->(t:Entity)
  RETURN 'predicted' AS kind, [r.run, h.id, r.relation, t.id] AS row
  UNION ALL
  MATCH (c:Candidate {graph: $graph})
  RETURN 'candidate' AS kind, [c.head, c.relation, c.tail, c.status] AS row
  UNION ALL
  MATCH (d:Decision {graph: $graph})
  RETURN 'decision' AS kind, [d.head, d.relation, d.tail, d.status] AS row
  UNION ALL
  MATCH (d:Document {graph: $graph}) RETURN 'document' AS kind, [d.id] AS row
  UNION ALL
  MATCH (a:Answer)-[s:STEP]->(e:Entity {graph: $graph})
  RETURN 'step' AS kind, [a.run, e.id] AS row
  UNION ALL
  MATCH (e:Entity|NewEntity {graph: $graph})
  UNWIND [key IN keys(e) WHERE key STARTS WITH 'embedding_'] AS key
  RETURN 'vector' AS kind, [e.id, key, e.id] AS row
  UNION ALL
  MATCH (s:EmbeddingSet {graph: $graph}) RETURN 'set' AS kind, [s.name, s.active] AS row
}
RETURN kind, row
"""
AROUND = """
MATCH (g:KnowledgeGraph {name: $graph})
RETURN g.loading AS loading, g.next_nid AS next,
       COLLECT { MATCH (e:Entity {graph: $graph}) RETURN e.nid } AS nids
"""


class History(RuleBasedStateMachine):
    """Writes, undos and removals; ``store`` and ``digest`` are given by the test."""

    store: Store
    digest: Digest
    told: Counter[str]

    def __init__(self) -> None:
        super().__init__()
        mark = uuid.uuid4().hex[:8]
        self.begun = self.digest(self.store)
        self.graphs = (f"history-{mark}-a", f"history-{mark}-b")
        self.models: dict[str, GraphModel] = {}
        self.runs: set[str] = set()
        self.sets: dict[str, tuple[str, bool]] = {}
        """Of each run with vectors, its graph, and whether bytes are kept."""
        self.orders: dict[tuple[str, str], list[str]] = {}
        """Of each graph and kind, the runs from the one replaced first to the active one."""
        self.mark = mark

    def run_id(self, name: str) -> str:
        return f"{name}-{self.mark}"

    def model(self, place: int) -> GraphModel:
        return self.models.setdefault(self.graphs[place], GraphModel())

    @rule(
        place=places,
        source=st.sampled_from(("a", "b", "c")),
        facts=loaded,
        replace=st.booleans(),
        described=st.booleans(),
    )
    def loads(
        self, place: int, source: str, facts: list[Fact], replace: bool, described: bool
    ) -> None:
        entities = [Entity(facts[0][0], description="what it is")] if described else []
        triples = [Triple(*each) for each in facts]
        load(self.store, self.graphs[place], entities, triples, source=source, replace=replace)
        self.model(place).load(source, facts, replace=replace)
        self.check("loads")

    @precondition(lambda self: self.models)
    @rule(
        place=places,
        name=st.sampled_from(sorted(KINDS)),
        keep_bytes=st.booleans(),
    )
    def writes(self, place: int, name: str, keep_bytes: bool) -> None:
        run, graph, kind = self.run_id(name), self.graphs[place], KINDS[name]
        model = self.models.get(graph, GraphModel())
        keys = [*NAMES, "text:Xeno"]
        present = set(keys) & set(model.entities)
        there = self.sets.get(run)
        vectors = np.random.default_rng(int(name[1])).normal(size=(len(keys), 4))

        def write() -> None:
            write_vectors(
                self.store, run, {"model": "test"}, Target(graph=graph), keys,
                vectors.astype(np.float32), kind=kind, keep_bytes=keep_bytes,
            )  # fmt: skip

        anew = there is None or (keep_bytes and not there[1])
        if not present or (there is not None and there[0] != graph):
            with pytest.raises(InputError):
                write()
        elif not anew and model.vectors.get(run, set()) != present:
            # Of a graph that has changed since, a run is not written half.
            with pytest.raises(StoreError, match="changed meanwhile"):
                write()
        else:
            write()
            self.runs.add(run)
            self.sets[run] = (graph, keep_bytes or (there is not None and there[1]))
            model.vectors[run] = present
            order = self.orders.setdefault((graph, kind), [])
            if not order or order[-1] != run:
                self.orders[graph, kind] = [*(each for each in order if each != run), run]
        self.check("writes")

    @precondition(lambda self: self.models)
    @rule(place=places, name=st.sampled_from(("r0", "r3", "p0")), facts=loaded)
    def predicts(self, place: int, name: str, facts: list[Fact]) -> None:
        run, graph = self.run_id(name), self.graphs[place]
        links = [Link(*each, 1.0, 0.5) for each in facts]
        write_links(self.store, run, {"model": "test"}, Target(graph=graph), links)
        self.runs.add(run)
        if (model := self.models.get(graph)) is not None:
            model.predicted |= {
                (run, each)
                for each in facts
                if each not in model.facts
                and each[0] in model.entities
                and each[2] in model.entities
            }
        self.check("predicts")

    @precondition(lambda self: self.models)
    @rule(name=st.sampled_from(("r0", "w0")), way=st.lists(st.sampled_from(NAMES), min_size=1))
    def explains(self, name: str, way: list[str]) -> None:
        run, graph = self.run_id(name), self.graphs[0]
        answer = Answer("only", {"probability": 0.5}, (tuple(way),))
        write_answers(self.store, run, {"model": "test"}, Target(graph=graph), [answer])
        self.runs.add(run)
        if (model := self.models.get(graph)) is not None:
            model.answers[run] = [each for each in way if each in model.entities]
        self.check("explains")

    @rule(
        place=places,
        source=st.sampled_from(("notes", "letters")),
        texts=st.dictionaries(st.sampled_from(("one", "two")), said, min_size=1),
    )
    def extracts(self, place: int, source: str, texts: dict[str, list[Fact]]) -> None:
        graph = self.graphs[place]
        read = {
            f"{source}-{key}": (" ".join(f"{h} borders {t}." for h, _, t in facts), facts)
            for key, facts in texts.items()
        }
        extract_documents(
            self.store,
            graph,
            texts_source({key: text for key, (text, _) in read.items()}, source),
            stages(self.store, graph),
            on_reject=lambda reject: None,
        )
        run = extraction_id(graph, source, "patterns")
        self.runs.add(run)
        self.model(place).extract(run, read)
        self.check("extracts")

    @precondition(lambda self: any(each.statuses for each in self.models.values()))
    @rule(data=st.data(), status=st.sampled_from(("accepted", "rejected", "staged")))
    def decides(self, data: st.DataObject, status: str) -> None:
        those = [(g, each) for g, model in self.models.items() for each in sorted(model.statuses)]
        graph, fact = data.draw(st.sampled_from(those))
        decide(self.store, graph, [fact_id(graph, *fact)], status, by="anna")
        self.models[graph].decide(fact, status)
        self.check("decides")

    @precondition(lambda self: self.runs)
    @rule(data=st.data())
    def undoes(self, data: st.DataObject) -> None:
        self.undone(data.draw(st.sampled_from(sorted(self.runs))))
        self.check("undoes")

    @rule(place=places, often=st.integers(0, 4))
    def removes(self, place: int, often: int) -> None:
        graph = self.graphs[place]
        if often or graph not in self.models:  # seldom: little is left to compare after it
            return
        self.removed(graph)
        self.check("removes")

    def undone(self, run: str) -> None:
        removed = undo(self.store, run)
        expected = sum(len(each.vectors.get(run, ())) for each in self.models.values())
        assert removed["vectors"] == expected
        self.runs.discard(run)
        self.sets.pop(run, None)
        for key, order in self.orders.items():
            self.orders[key] = [each for each in order if each != run]
        for model in self.models.values():
            model.undo(run)

    def removed(self, graph: str) -> None:
        remove_graph(self.store, graph)
        self.models.pop(graph)

    def check(self, step: str) -> None:
        """The database holds what the model says, no more and nothing twice."""
        self.told[step] += 1
        for graph in self.graphs:
            rows = self.store.rows(CONTENT, graph=graph)
            found = Counter((row["kind"], repr(row["row"])) for row in rows)
            assert found == Counter(self.expected(graph))
            around = self.store.rows(AROUND, graph=graph)
            assert len(around) == (graph in self.models)
            for row in around:
                assert row["loading"] is None
                assert len(set(row["nids"])) == len(row["nids"])
                assert all(nid < row["next"] for nid in row["nids"])
        rows = self.store.rows("MATCH (r:Run) RETURN r.id AS id")
        assert sorted(row["id"] for row in rows) == sorted(self.runs)

    def expected(self, graph: str) -> list[tuple[str, str]]:
        model = self.models.get(graph, GraphModel())
        rows: list[tuple[str, list[Any]]] = [
            *(("entity", [each, sorted(claims)]) for each, claims in model.entities.items()),
            *(("new", [each]) for each in model.new_entities()),
            *(
                ("fact", [*fact, sorted(claims), fact_id(graph, *fact)])
                for fact, claims in model.facts.items()
            ),
            *(("predicted", [run, *fact]) for run, fact in model.predicted),
            *(("candidate", [*fact, status]) for fact, status in model.statuses.items()),
            *(("decision", [*fact, status]) for fact, status in model.decisions.items()),
            *(("document", [key]) for _, key in model.documents),
            *(("step", [run, each]) for run, way in model.answers.items() for each in way),
        ]
        for run, (where, keep_bytes) in self.sets.items():
            if where == graph:
                names = set_of_run(run, KINDS[run[:2]])
                active = self.orders[graph, names.kind][-1] == run
                rows.append(("set", [names.name, active]))
                kept = [names.property, *([bytes_property(names.property)] * keep_bytes)]
                having = model.vectors.get(run, set())
                rows += [("vector", [e, p, e]) for e, p in itertools.product(having, kept)]
        return [(kind, repr(row)) for kind, row in rows]

    def teardown(self) -> None:
        """All runs undone, in some order, and the graphs removed: the digest of the beginning."""
        for run in sorted(self.runs, key=hash):
            self.undone(run)
        self.check("undone at the end")
        for graph in list(self.models):
            self.removed(graph)
        assert self.digest(self.store) == self.begun
        self.told["sequences"] += 1


@pytest.mark.slow
def test_any_sequence_of_writes_and_undos_is_what_the_model_says(
    store: Store, digest: Digest, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(store)
    told: Counter[str] = Counter()

    class Own(History):
        pass

    Own.store, Own.digest, Own.told = store, staticmethod(digest), told
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
