"""Writes and undos in any order, each held against a model of the graph after it."""

from __future__ import annotations

import itertools
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from extraction_stages import stages, texts_source
from history_model import Fact, GraphModel
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from kgplatform.errors import InputError, StoreError
from kgplatform.facts.pipeline import extract_documents, extraction_id
from kgplatform.facts.review import decide
from kgplatform.graph.interchange import Opening, read_vectors
from kgplatform.store.answers import Answer, write_answers
from kgplatform.store.client import Store
from kgplatform.store.links import Link, write_links
from kgplatform.store.load import load
from kgplatform.store.remove import remove_graph
from kgplatform.store.undo import undo
from kgplatform.store.weights import write_weights
from kgplatform.store.writeback import (
    Target,
    bytes_property,
    graph_weight_property,
    set_of_run,
    text_weight_property,
    unmatched,
    write_vectors,
)
from kgplatform.training.artifacts import entity_vectors, load_run
from kgplatform.training.imported import save_vectors
from kgplatform.triples import Entity, Triple, fact_id

Digest = Callable[..., str]

NAMES = ("Ada", "Bela", "Cleo", "Dora", "Emil")
TEXT_NAMES = ("Bela", "Emil", "Xeno", "Yara")
OF_TEXTS = ("text:Bela", "text:Xeno", "text:Yara")
KINDS = {"r0": "graph", "r1": "graph", "r2": "graph", "r3": "text", "r4": "text", "i0": "graph"}
WEIGHED = "r1"
"""A run of text and graph: how much of each is in a vector stands beside it."""

places = st.sampled_from((0, 0, 0, 1))
loaded = st.lists(
    st.tuples(
        st.sampled_from(NAMES), st.sampled_from(("BORDERS", "KNOWS")), st.sampled_from(NAMES)
    ),
    min_size=1,
    max_size=6,
)
ends = st.sampled_from((*NAMES, *OF_TEXTS))
foretold = st.lists(
    st.tuples(ends, st.sampled_from(("BORDERS", "KNOWS")), ends), min_size=1, max_size=6
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
  MATCH (h:Entity|NewEntity {graph: $graph})-[r:PREDICTED]->(t)
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
  MATCH (k:Chunk {graph: $graph})
  RETURN 'chunk' AS kind, COLLECT { MATCH (k)-[:PART_OF]->(d) RETURN d.id } AS row
  UNION ALL
  MATCH (c:Candidate {graph: $graph})-[:EVIDENCE]->()-[:PART_OF]->(d)
  RETURN DISTINCT 'evidence' AS kind, [c.head, c.relation, c.tail, d.id] AS row
  UNION ALL
  MATCH (a:Answer)-[s:STEP]->(e:Entity|NewEntity {graph: $graph})
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
INDEXES = "SHOW VECTOR INDEXES YIELD name WHERE name CONTAINS $mark RETURN name"
LEFT = """
MATCH (e:Entity|NewEntity {graph: $graph})
RETURN e.id AS id, size(coalesce(e.llm_facts, [])) AS said,
       COLLECT {
         MATCH (e)-[m:MENTIONED_IN]->()-[:PART_OF]->(d) RETURN DISTINCT [m.run, d.id]
       } AS mentions
"""
"""What may go earlier, with an entity that comes back, but must not stay."""

AROUND = """
MATCH (g:KnowledgeGraph {name: $graph})
RETURN g.loading AS loading, g.next_nid AS next,
       COLLECT { MATCH (e:Entity {graph: $graph}) RETURN e.nid } AS nids
"""


class History(RuleBasedStateMachine):
    """Writes, undos and removals; the attributes are given by the test."""

    store: Store
    digest: Digest
    told: Counter[str]
    folder: Path

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

    def model_of(self, graph: str) -> GraphModel:
        return self.models.get(graph, GraphModel())

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
        keys = [*NAMES, "text:Xeno"]
        vectors = np.random.default_rng(int(name[1])).normal(size=(len(keys), 4))
        self.write(name, place, keys, vectors.astype(np.float32), keep_bytes)
        self.check("writes")

    @precondition(lambda self: self.models)
    @rule(place=places, names=st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
    def imports(self, place: int, names: list[str]) -> None:
        run, graph = self.run_id("i0"), self.graphs[place]
        folder = self.folder / run
        if not folder.exists():
            table = self.folder / f"{run}.txt"
            lines = [f"{len(names)} 2", *(f"{name} {at} 1" for at, name in enumerate(names))]
            table.write_text("\n".join(lines) + "\n")
            read = read_vectors("table", table, Opening())
            missing = unmatched(self.store, Target(graph=graph), read.entities)
            if len(missing) == len(names):
                return
            kept = np.setdiff1d(np.arange(len(names)), missing)
            save_vectors(read, kept, folder, {"graph": graph})
            self.check("imports")
        keys, vectors = entity_vectors(load_run(folder))
        self.write("i0", place, keys, vectors, keep_bytes=False)
        self.check("writes what was imported")

    def write(
        self, name: str, place: int, keys: Sequence[str], vectors: np.ndarray, keep_bytes: bool
    ) -> None:
        run, graph, kind = self.run_id(name), self.graphs[place], KINDS[name]
        model = self.model_of(graph)
        present = set(keys) & set(model.entities)
        there = self.sets.get(run)

        def written() -> None:
            target = Target(graph=graph)
            write_vectors(
                self.store, run, {"model": "test"}, target, keys,
                vectors, kind=kind, keep_bytes=keep_bytes,
            )  # fmt: skip
            if name == WEIGHED:
                half = np.full(len(keys), 0.5)
                write_weights(self.store, set_of_run(run).property, target, keys, half, half)

        anew = there is None or (keep_bytes and not there[1])
        if not present or (there is not None and there[0] != graph):
            with pytest.raises(InputError):
                written()
        elif not anew and model.vectors.get(run, set()) != present:
            # Of a graph that has changed since, a run is not written half.
            with pytest.raises(StoreError, match="changed meanwhile"):
                written()
        else:
            written()
            self.runs.add(run)
            self.sets[run] = (graph, keep_bytes or (there is not None and there[1]))
            model.vectors[run] = present
            order = self.orders.setdefault((graph, kind), [])
            if not order or order[-1] != run:
                self.orders[graph, kind] = [*(each for each in order if each != run), run]

    @precondition(lambda self: self.models)
    @rule(place=places, name=st.sampled_from(("r0", "r3", "p0")), facts=foretold)
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
    @rule(name=st.sampled_from(("r0", "w0")), way=st.lists(ends, min_size=1))
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
            for row in self.store.rows(LEFT, graph=graph):
                assert row["said"] <= self.model_of(graph).said(row["id"]), row
                for run, document in row["mentions"]:
                    assert self.model_of(graph).names(run, document, row["id"]), row
            around = self.store.rows(AROUND, graph=graph)
            assert len(around) == (graph in self.models)
            for row in around:
                assert row["loading"] is None
                assert len(set(row["nids"])) == len(row["nids"])
                assert all(nid < row["next"] for nid in row["nids"])
        indexes = self.store.rows(
            "SHOW VECTOR INDEXES YIELD name WHERE name CONTAINS $m", m=self.mark
        )
        own = {set_of_run(run, KINDS[run[:2]]).index for run in self.sets}
        assert {row["name"] for row in indexes} == own
        rows = self.store.rows("MATCH (r:Run) RETURN r.id AS id")
        assert sorted(row["id"] for row in rows) == sorted(self.runs)

    def expected(self, graph: str) -> list[tuple[str, str]]:
        model = self.model_of(graph)
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
            *(("chunk", [key]) for _, key in model.documents),
            *(
                ("evidence", [*fact, key])
                for (_, key), facts in model.documents.items()
                for fact in facts
            ),
            *(("step", [run, each]) for run, way in model.answers.items() for each in way),
        ]
        for run, (where, keep_bytes) in self.sets.items():
            if where == graph:
                names = set_of_run(run, KINDS[run[:2]])
                active = self.orders[graph, names.kind][-1] == run
                rows.append(("set", [names.name, active]))
                kept = [names.property, *([bytes_property(names.property)] * keep_bytes)]
                if run == self.run_id(WEIGHED):
                    kept += [text_weight_property(kept[0]), graph_weight_property(kept[0])]
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
