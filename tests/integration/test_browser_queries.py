"""Each query of cypher/browser, run over a graph that a real training has enriched."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import pytest
from extraction_stages import stages, texts_source

from kgplatform import queries
from kgplatform.cli.write import stored
from kgplatform.facts.pipeline import extract_documents
from kgplatform.facts.review import apply_marked
from kgplatform.graph.projection import snapshot_of_query
from kgplatform.server import ServerInfo
from kgplatform.sources.countries import countries
from kgplatform.store.answers import Answer, write_answers
from kgplatform.store.client import Store, connect
from kgplatform.store.links import Link, write_links
from kgplatform.store.load import load
from kgplatform.store.review import read_decisions
from kgplatform.store.rules import write_rules
from kgplatform.store.writeback import Target, write_vectors
from kgplatform.training.artifacts import Run, entity_vectors, load_vocabulary
from kgplatform.training.config import resolve_config
from kgplatform.training.loop import train
from kgplatform.training.predict import predict_links
from kgplatform.triples import Entity, fact_id

GRAPH = "queries-countries"
NEWCOMER = Entity("atlantis", "Atlantis", "Atlantis was loaded after the training.", ("Country",))
NAMES = queries.names("browser/")

TEXTS = {"legends": "Poland borders Vineta. Ukraine borders Vineta. Poland borders Lyonesse."}
CANDIDATE = fact_id(GRAPH, "poland", "BORDERS", "text:Vineta")

ANSWERS = [
    Answer(
        f"answer-{rank}",
        {"graph": GRAPH, "answer": end, "rank": rank, "probability": 0.5 / rank},
        (("poland", "germany", end),),
    )
    for rank, end in enumerate(("france", "austria", "belgium"), 1)
]
RULE = {
    "rule": "BORDERS(X, Y) <- BORDERS(Y, X)",
    "name": "BORDERS(X, Y) <- BORDERS(Y, X)",
    "confidence": 1.0,
    "support": 640,
    "body_size": 640,
    "coverage": 1.0,
}

PARAMS: dict[str, dict[str, Any]] = {
    "browser/compare_entities": {"entity": "Poland", "other": "ukraine"},
    "browser/count_relations": {},
    "browser/count_types": {},
    "browser/decide_candidate": {"candidate": CANDIDATE[:12], "status": "staged", "by": "ann"},
    "browser/explain_prediction": {"limit": 50},
    "browser/find_nearest": {"entity": "Poland", "top_k": 5},
    "browser/find_path": {"from": "Poland", "to": "brazil"},
    "browser/find_shared_currency": {"limit": 50},
    "browser/find_surprising_facts": {"limit": 25},
    "browser/find_unembedded": {"limit": 100},
    "browser/list_candidates": {"limit": 50},
    "browser/list_predictions": {"limit": 50},
    "browser/list_rules": {"limit": 50},
    "browser/list_runs": {},
    "browser/list_sources": {"entity": "Poland", "limit": 50},
    "browser/rank_entities": {"limit": 25},
    "browser/show_answers": {"limit": 10},
    "browser/show_candidate": {"candidate": CANDIDATE[:12]},
    "browser/show_candidates": {"limit": 10},
    "browser/show_documents": {"limit": 10},
    "browser/show_entity": {"entity": "Poland", "limit": 100},
    "browser/show_evidence": {"entity": "Poland", "limit": 50},
    "browser/show_graph": {"limit": 10},
    "browser/show_predicted": {"limit": 50},
    "browser/show_predictions": {},
    "browser/show_relation": {"entity": "Poland", "relation": "BORDERS", "limit": 300},
    "browser/show_run": {},
    "browser/show_schema": {},
}


@dataclass(frozen=True)
class Enriched:
    """A graph with vectors and predicted links, and what was written into it."""

    store: Store
    run: Run
    links: list[Link]

    def ask(self, name: str, **changed: Any) -> list[dict[str, Any]]:
        """The rows of a query with its params of ``PARAMS``, some of them changed."""
        params = {"graph": GRAPH, **PARAMS[f"browser/{name}"], **changed}
        if name in {"explain_prediction", "show_predictions"}:
            params.setdefault("entity", self.links[0].head)
        if name in {"show_answers", "show_predicted", "show_run"}:
            params.setdefault("run", self.run.id)
        if name == "decide_candidate":
            # The only one that writes.
            return self.store.run(queries.get("browser/decide_candidate"), **params).rows
        return self.store.rows(queries.get(f"browser/{name}"), **params)


@pytest.fixture(scope="module")
def enriched(server: ServerInfo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Enriched]:
    folder = tmp_path_factory.mktemp("runs") / "transe-for-queries"
    entities, triples = countries()
    source = {"cypher": queries.get("read/project_countries"), "params": {"graph": GRAPH}}
    target = Target(graph=GRAPH)
    with connect(server.uri, server.username, server.password) as store:
        load(store, GRAPH, entities, triples, source="countryinfo")
        snapshot, _ = snapshot_of_query(store, str(source["cypher"]), {"graph": GRAPH})
        settings = {"embedding_dim": 16, "epochs": 3, "device": "cpu"}
        config = resolve_config("transe", snapshot, settings)
        run = train(snapshot, config, folder, source=source)
        properties = {
            "model": "transe",
            "graph": GRAPH,
            "created": run.created,
            "mrr": run.metrics["test"]["mrr"],
            "hits_at_10": run.metrics["test"]["hits_at_10"],
        }
        keys, vectors = entity_vectors(run)
        write_vectors(store, run.id, properties, target, keys, vectors)
        links = [
            stored(link)
            for relation in ("BORDERS", "SPEAKS")
            for link in predict_links(run, snapshot, relation=relation, top_k=10)
        ]
        write_links(store, run.id, properties, target, links)
        write_answers(store, run.id, properties, target, ANSWERS)
        write_rules(store, "rules-for-queries", GRAPH, {"facts": len(triples)}, [RULE])
        load(store, GRAPH, [NEWCOMER], [], source="legend")
        extract_documents(store, GRAPH, texts_source(TEXTS), stages(store, GRAPH), on_reject=print)
        yield Enriched(store, run, links)


def returned_columns(name: str) -> list[str]:
    """The columns of the ``// Returns:`` line: what stands between its commas."""
    lines = takewhile(lambda line: line.startswith("//"), queries.get(name).splitlines())
    returns = " ".join(line.removeprefix("//") for line in lines).partition("Returns:")[2]
    return [column.strip() for column in re.sub(r"\([^)]*\)", "", returns).split(",")]


def test_there_are_params_for_every_query() -> None:
    assert set(PARAMS) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_it_returns_rows_with_the_columns_that_it_names(enriched: Enriched, name: str) -> None:
    rows = enriched.ask(name.removeprefix("browser/"))
    assert rows
    assert list(rows[0]) == returned_columns(name)


LIMITED = [name for name in NAMES if {"limit", "top_k"} & set(PARAMS[name])]
DRAWN_WHOLE = {"browser/show_answers", "browser/show_candidates"}
"""Their limit is of what is drawn with all that belongs to it, not of rows."""


@pytest.mark.parametrize("name", sorted(set(LIMITED) - DRAWN_WHOLE))
def test_its_limit_may_be_a_float_as_browser_sends_it(enriched: Enriched, name: str) -> None:
    # `:params {limit: 2}` is JavaScript, where 2 is 2.0; LIMIT takes whole numbers only.
    short = name.removeprefix("browser/")
    limit = "top_k" if "top_k" in PARAMS[name] else "limit"
    assert len(enriched.ask(short, **{limit: 2.0})) == min(2, len(enriched.ask(short)))


@pytest.mark.parametrize("name", NAMES)
def test_another_graph_is_left_out(enriched: Enriched, name: str) -> None:
    assert enriched.ask(name.removeprefix("browser/"), graph="no-such-graph") == []


def test_the_nearest_are_others_in_falling_order(enriched: Enriched) -> None:
    rows = enriched.ask("find_nearest")
    assert len(rows) == 5
    assert "poland" not in [row["entity"] for row in rows]
    scores = [row["score"] for row in rows]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)
    # An id does as well as a name.
    assert enriched.ask("find_nearest", entity="poland") == rows


def test_the_unembedded_are_those_that_the_run_did_not_know(enriched: Enriched) -> None:
    rows = {row["entity"]: row for row in enriched.ask("find_unembedded", limit=1000)}
    assert rows["atlantis"] == {"entity": "atlantis", "name": "Atlantis", "facts": 0}
    # Beside it: what has no facts but of time zones, which the projection leaves out.
    loaded = {entity.entity_id for entity in countries()[0]} | {"atlantis"}
    assert set(rows) == loaded - set(load_vocabulary(enriched.run)[0])


def test_runs_are_listed_with_their_metrics_and_what_they_wrote(enriched: Enriched) -> None:
    (row,) = (row for row in enriched.ask("list_runs") if row["model"] != "extract")
    assert row["run"] == enriched.run.id
    assert row["mrr"] == enriched.run.metrics["test"]["mrr"]
    assert row["hits_at_10"] == enriched.run.metrics["test"]["hits_at_10"]
    assert row["predicted"] == len(enriched.links)
    assert [(set_["dimension"], set_["active"]) for set_ in row["vectors"]] == [(16, True)]


def test_predictions_are_listed_by_falling_confidence(enriched: Enriched) -> None:
    rows = enriched.ask("list_predictions")
    confidences = [link.confidence for link in enriched.links]
    assert [row["confidence"] for row in rows] == sorted(confidences, reverse=True)
    assert {row["run"] for row in rows} == {enriched.run.id}


def test_predicted_links_stand_beside_the_asserted_and_never_repeat_them(
    enriched: Enriched,
) -> None:
    rows = enriched.ask("show_predictions")
    assert any(row["predicted"] for row in rows)
    for row in rows:
        predicted = {text.rpartition(" (")[0] for text in row["predicted"]}
        assert not predicted & set(row["asserted"])


def test_a_prediction_is_explained_by_asserted_facts_only(enriched: Enriched) -> None:
    rows = enriched.ask("explain_prediction")
    assert enriched.links[0].confidence in [row["confidence"] for row in rows]
    pairs = [pair for row in rows for pair in row["between"]]
    assert pairs
    assert not any("PREDICTED" in pair for pair in pairs)


def test_relations_are_counted_as_they_were_loaded(enriched: Enriched) -> None:
    _, triples = countries()
    counted = {row["relation"]: row for row in enriched.ask("count_relations")}
    assert sum(row["facts"] for row in counted.values()) == len(triples)
    assert counted["BORDERS"]["predicted"] == 10
    assert counted["USES_CURRENCY"]["predicted"] == 0
    assert sum(row["facts"] for row in enriched.ask("show_schema")) == len(triples)


def test_a_path_leads_from_one_to_the_other(enriched: Enriched) -> None:
    (row,) = enriched.ask("find_path")
    # The driver gives a path as nodes and relationships' types in turn.
    first, *_, last = row["path"]
    assert (first["id"], last["id"]) == ("poland", "brazil")
    assert "PREDICTED" not in row["path"]


def test_what_is_drawn_are_nodes_and_relationships(enriched: Enriched) -> None:
    entity = enriched.ask("show_entity")
    assert {row["entity"]["id"] for row in entity} == {"poland"}
    assert {"germany", "language/polish"} <= {row["other"]["id"] for row in entity}
    around = enriched.ask("show_relation")
    ends = {row[end]["id"] for row in around for end in ("head", "tail")}
    assert {"poland", "germany", "france"} <= ends
    assert "spain" not in ends, "three borders away"
    assert {row["link"][1] for row in around} <= {"BORDERS", "PREDICTED"}


def test_what_two_have_in_common_is_a_fact_of_both(enriched: Enriched) -> None:
    rows = enriched.ask("compare_entities")
    assert {"relation": "SPEAKS", "direction": "out", "common": "Polish"}.items() <= rows[0].items()


def test_those_with_a_shared_currency_have_no_border(enriched: Enriched) -> None:
    _, triples = countries()
    names = {entity.entity_id: entity.name for entity in countries()[0]}
    borders = {(names[t.head], names[t.tail]) for t in triples if t.relation == "BORDERS"}
    rows = enriched.ask("find_shared_currency")
    assert not {(row["one"], row["other"]) for row in rows} & borders
    assert [row["users"] for row in rows] == sorted(row["users"] for row in rows)


def test_the_most_surprising_facts_are_less_alike_than_usual(enriched: Enriched) -> None:
    rows = enriched.ask("find_surprising_facts")
    assert len(rows) == 25
    assert all(row["similarity"] < row["usual"] for row in rows)


def test_the_entities_with_the_most_facts_are_first(enriched: Enriched) -> None:
    facts = [row["facts"] for row in enriched.ask("rank_entities")]
    assert facts == sorted(facts, reverse=True)


def test_a_candidate_is_shown_with_its_sentence_and_its_ends(enriched: Enriched) -> None:
    rows = enriched.ask("show_candidate")
    assert {row["candidate"]["id"] for row in rows} == {CANDIDATE}
    assert {row["end"]["name"] for row in rows} == {"Poland", "Vineta"}
    listed = enriched.ask("list_candidates")
    assert [row["text"] for row in listed if row["id"] == CANDIDATE] == ["Poland borders Vineta."]
    said = {(row["head"], row["tail"]) for row in enriched.ask("show_evidence")}
    assert said == {("poland", "text:Vineta"), ("poland", "text:Lyonesse")}


def test_a_decision_in_browser_is_applied_by_the_command(enriched: Enriched) -> None:
    enriched.ask("decide_candidate", status="rejected", by="berta")
    done, wrong = apply_marked(enriched.store, GRAPH)
    assert (done.decided, wrong) == (1, [])
    (decision,) = read_decisions(enriched.store, GRAPH)
    assert (decision["id"], decision["status"], decision["by"]) == (CANDIDATE, "rejected", "berta")
