"""``kgp generate`` with a real server: written, cited, and checked against the graph."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kgplatform.answer.check import open_checker
from kgplatform.answer.generate import generate, in_prose
from kgplatform.answer.records import Answer, AnswerEntity, Path
from kgplatform.settings import Settings
from kgplatform.store.client import Store
from kgplatform.store.links import Link, write_links
from kgplatform.store.load import load
from kgplatform.store.statements import statements_around
from kgplatform.store.writeback import Target
from kgplatform.triples import Entity, Triple

COUNTRIES = {"pl": "Poland", "de": "Germany", "cz": "Czechia", "fr": "France", "es": "Spain"}
CAPITALS = {"pl": "Warsaw", "de": "Berlin", "cz": "Prague", "fr": "Paris", "es": "Madrid"}


@pytest.fixture
def atlas(store: Store, graph_name: str) -> str:
    """Five countries with capitals and borders, and one border that a model predicts."""
    entities = [Entity(key, name, "", ("Country",)) for key, name in COUNTRIES.items()]
    entities += [Entity(name.lower(), name, "", ("City",)) for name in CAPITALS.values()]
    entities += [Entity("peru", "Peru", "", ("Country",))]
    facts = [Triple(key, "HAS_CAPITAL", name.lower()) for key, name in CAPITALS.items()]
    for one, other in (("pl", "de"), ("pl", "cz"), ("de", "cz"), ("de", "fr"), ("fr", "es")):
        facts += [Triple(one, "BORDERS", other), Triple(other, "BORDERS", one)]
    load(store, graph_name, entities, facts, source="atlas")
    target = Target(graph=graph_name)
    write_links(store, "run-1", {}, target, [Link("pl", "BORDERS", "fr", 3.0, 0.7, 1)])
    return graph_name


def test_a_template_says_every_fact_once_and_the_check_finds_them(
    kgp: Any, atlas: str, settings: Settings, store: Store
) -> None:
    found = kgp("generate", "Poland", "--graph", atlas, "--json").json
    assert found["text"].startswith("Poland borders Czechia and Germany. ")
    assert "Poland has the capital Warsaw." in found["text"]
    assert "A model (run-1) predicts that Poland borders France (0.70)." in found["text"]
    assert (found["writer"], found["faithfulness"]) == ("template", 1.0)
    assert (found["supported"], found["contradicted"], found["absent"]) == (4, 0, 0)
    ids = {each["id"] for each in found["statements"]}
    assert {each for sentence in found["sentences"] for each in sentence["statements"]} == ids
    kinds = {c["kind"] for sentence in found["sentences"] for c in sentence["claims"]}
    assert kinds == {"asserted", "predicted"}
    only = kgp("generate", "pl", "--graph", atlas, "--no-predicted")
    assert "predicts" not in only.out
    assert "the graph has 3 (100%)" in only.out
    nothing = kgp("generate", "Peru", "--graph", atlas, "--json").json
    assert nothing["text"] == f"The graph {atlas} says nothing of Peru."
    assert nothing["faithfulness"] is None
    wrong = kgp("generate", "Polnd", "--graph", atlas)
    assert wrong.code == 1
    assert "Poland (pl)" in wrong.err


def test_what_a_model_makes_up_is_found(
    kgp: Any, atlas: str, model_server: Any, settings: Settings, store: Store
) -> None:
    def answer(heard: Any) -> str:
        assert "1. Poland borders Czechia and Germany." in heard.document
        said = [
            ("Poland borders Germany and Czechia.", [1]),
            ("The capital of Poland is Berlin.", [2]),
            ("It shares a border with Spain and joined the EU in 2004.", [1, 99]),
        ]
        return json.dumps({"sentences": [{"sentence": s, "statements": n} for s, n in said]})

    server = model_server(answer)
    server_url = server.url
    from kgplatform.text.llm.openai_model import Endpoint, OpenAIModel

    model = OpenAIModel("writer", Endpoint(url=server_url))
    found = generate(store, settings, atlas, "Poland", llm=model, predicted=False)
    claims = {
        (claim.relation, claim.tail): claim.verdict
        for sentence in found.sentences
        for claim in sentence.claims
    }
    assert claims["BORDERS", "Germany"] == "supported"
    assert claims["HAS_CAPITAL", "Berlin"] == "contradicted"
    assert claims["BORDERS", "Spain"] == "absent"
    assert claims[None, "2004"] == "absent"
    assert found.supported == 2
    assert found.contradicted == 1
    assert found.faithfulness is not None
    assert found.faithfulness < 0.6
    first, second, third = found.sentences
    both = {each.id for each in found.statements if each.relation == "BORDERS"}
    assert set(first.statements) == both
    # Cited, but the capital that it names is not the fact's.
    assert second.statements == ()
    assert third.statements == ()
    (asked,) = server.heard
    assert asked.body["response_format"]["json_schema"]["schema"]["required"] == ["sentences"]


def test_an_answer_is_said_in_prose(atlas: str, settings: Settings, store: Store) -> None:
    capital = next(
        each
        for each in statements_around(store, atlas, ["de"])["de"]
        if each.relation == "HAS_CAPITAL"
    )
    berlin = AnswerEntity("berlin", "Berlin", 1.0, "asserted", (Path((capital,), 1.0),))
    answer = Answer("What is the capital of Germany?", "It is Berlin.", (berlin,), "template", 1.0)
    checker = open_checker(store, atlas)
    found = in_prose(store, settings, atlas, answer, checker=checker)
    assert found.text == "It is Berlin. Germany has the capital Berlin."
    assert found.sentences[1].statements == (capital.id,)
    assert (found.topic, found.question) == ("berlin", answer.question)
    unknown = Answer("What is the capital of Peru?", "I do not know.", (), "none", 0.0)
    silent = in_prose(store, settings, atlas, unknown, llm="none", checker=checker)
    assert (silent.text, silent.topic, silent.faithfulness) == ("I do not know.", None, None)
