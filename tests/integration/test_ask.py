"""``kgp ask`` and what it is made of, on a small family with a real server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from connected import connected

from kgplatform.answer.ask import Asker, ask, offered, open_asker
from kgplatform.answer.records import data_of
from kgplatform.errors import InputError, UnknownNameError, UsageError
from kgplatform.settings import Settings
from kgplatform.store.client import Store
from kgplatform.store.links import Link, write_links
from kgplatform.store.load import load
from kgplatform.store.writeback import Target
from kgplatform.text.encode import load_encoder
from kgplatform.triples import Entity, Triple

GRAPH = "ask-family"
TOWNS = ("Warsaw", "Kraków", "Gdańsk", "Lublin")
PEOPLE = (
    "Maria Nowak", "Jan Kowalski", "Zofia Lis", "Piotr Zieliński", "Anna Wójcik", "Adam Mazur",
    "Ewa Krawczyk", "Tomasz Dudek",
)  # fmt: skip


@pytest.fixture(scope="module")
def asked_store(settings: Settings) -> Iterator[Store]:
    with connected(settings) as store:
        yield store


@pytest.fixture(scope="module")
def asker(asked_store: Store, settings: Settings) -> Asker:
    entities = [Entity(f"town/{name.lower()}", name, types=("Town",)) for name in TOWNS]
    entities += [Entity(f"p{at}", name, types=("Person",)) for at, name in enumerate(PEOPLE)]
    facts = []
    for at in range(len(PEOPLE)):
        # Nobody knows where the last one was born.
        if at < len(PEOPLE) - 1:
            town = f"town/{TOWNS[at % len(TOWNS)].lower()}"
            facts.append(Triple(f"p{at}", "BORN_IN", town))
        facts.append(Triple(f"p{at}", "HAS_SPOUSE", f"p{at ^ 1}"))
        facts.append(Triple(f"p{at}", "TEACHES", f"p{(at + 3) % len(PEOPLE)}"))
    load(asked_store, GRAPH, entities, facts, source="parish")
    missing = Link("p7", "BORN_IN", "town/lublin", 3.0, 0.8)
    write_links(asked_store, "run-of-test", {}, Target(graph=GRAPH), [missing])
    return open_asker(asked_store, settings, GRAPH, encoder=load_encoder())


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("Where was Maria Nowak born?", {"Warsaw"}),
        ("where was maria novak born", {"Warsaw"}),
        ("Who is the spouse of Jan Kowalski?", {"Maria Nowak"}),
        ("Who was born in Krakow?", {"Jan Kowalski", "Adam Mazur"}),
        ("Who teaches Piotr Zielinski?", {"Maria Nowak"}),
        ("Where was the spouse of Jan Kowalski born?", {"Warsaw"}),
    ],
)
def test_templates_answer_by_facts(asker: Asker, question: str, names: set[str]) -> None:
    answer = ask(asker, question)
    assert {each.name for each in answer.answers} == names, answer.text
    assert answer.strategy == "template"
    assert answer.cypher is not None
    assert answer.params is not None
    for each in answer.answers:
        assert each.kind == "asserted"
        assert 0.6 <= each.confidence <= 1
        facts = each.paths[0].statements
        assert each.id in {facts[-1].head, facts[-1].tail}
        assert facts[0].sources == ("parish",)


def test_counts_checks_and_superlatives(asker: Asker) -> None:
    assert ask(asker, "How many persons were born in Gdańsk?").text.startswith("2")
    assert ask(asker, "Was Maria Nowak born in Warsaw?").text.startswith("Yes")
    # Of what is not there it is less sure than of what is, here not sure enough to say it.
    (said,) = offered(asker, "Was Maria Nowak born in Lublin?", ("template",), 5)
    assert said.answer.text.startswith("No: the graph does not say that Maria Nowak born in Lublin")


def test_a_predicted_link_is_called_that(asker: Asker) -> None:
    answer = ask(asker, "Where was Tomasz Dudek born?")
    (found,) = answer.answers
    assert (found.name, found.kind) == ("Lublin", "predicted")
    (fact,) = found.paths[0].statements
    assert (fact.run, fact.confidence) == ("run-of-test", 0.8)
    assert found.confidence < 0.81


@pytest.mark.parametrize(
    "question",
    [
        "What is the population of Warsaw?",
        "Who is the king of Maria Nowak?",
        "Where was Napoleon born?",
        "what is the meaning of life",
        "???",
        "ę" * 300,
        "Robert'); DETACH DELETE n; -- born",
    ],
)
def test_it_says_that_it_does_not_know(asker: Asker, question: str) -> None:
    answer = ask(asker, question)
    assert (answer.strategy, answer.answers) == ("none", ()), answer.text
    assert answer.text == "I don't know."
    assert answer.confidence < 0.6


def test_bad_questions_are_told(asker: Asker) -> None:
    with pytest.raises(InputError):
        ask(asker, "  ")
    with pytest.raises(InputError):
        ask(asker, "a" * 2_000)
    with pytest.raises(UnknownNameError, match="templete"):
        ask(asker, "Where was Maria Nowak born?", strategy="templete")
    with pytest.raises(UsageError):
        ask(asker, "Where was Maria Nowak born?", strategy="joint")
    with pytest.raises(UsageError):
        ask(asker, "Where was Maria Nowak born?", top_k=0)


class Writer:
    """A model that says what it is told to; what it was asked is kept."""

    name = digest = "writer"
    concurrency = 1

    def __init__(self, *queries: str) -> None:
        self.queries = list(queries)
        self.asked: list[Any] = []

    def complete(self, request: Any) -> Any:
        from kgplatform.text.llm.protocol import Answer

        self.asked.append(request)
        said = json.dumps({"cypher": self.queries.pop(0)})
        return Answer(said, 1, 1, "stop", 0.0)


BORN = "MATCH (e:Entity {graph: $graph, id: 'p0'})-[:BORN_IN]->(x) RETURN x.id AS id"


def test_a_models_query_answers_behind_the_fence(asker: Asker) -> None:
    writer = Writer("MATCH (n) DETACH DELETE n", BORN)
    answer = ask(replace(asker, model=writer), "Where was Maria Nowak born?", strategy="cypher")
    assert len(writer.asked) == 2
    assert "would write" in writer.asked[1].messages[-1].content
    prompt = " ".join(message.content for message in writer.asked[0].messages)
    assert "(:Person)-[:`BORN_IN`]->(:Town)" in prompt
    assert '"p0"' in prompt
    assert answer.strategy == "none"  # after a repair it is not sure enough
    assert answer.cypher == BORN
    first = ask(replace(asker, model=Writer(BORN)), "Where was Maria Nowak born?")
    assert first.strategy == "template"  # the surer one


def test_a_model_that_gives_nothing_usable_is_not_believed(asker: Asker) -> None:
    for queries in (["nonsense", "nonsense"], ["RETURN null AS value"], ["LOAD CSV", "CREATE ()"]):
        answer = ask(replace(asker, model=Writer(*queries)), "How old is it?", strategy="cypher")
        assert answer.strategy == "none"


def test_the_command_answers(asker: Asker, kgp: Any, tmp_path: Path) -> None:
    question = "Who is the spouse of Jan Kowalski?"
    told = kgp("ask", question, "--graph", GRAPH, "--json").json
    assert {"question", "text", "answers", "strategy", "confidence", "cypher", "params"} == set(
        told
    )
    assert told["answers"][0]["name"] == "Maria Nowak"
    assert set(told["answers"][0]) == {"id", "name", "confidence", "kind", "paths", "evidence"}
    # A word of the user's own, learnt from examples.
    examples = tmp_path / "examples.tsv"
    rows = [f"who is {name} hitched to\tp{at ^ 1}" for at, name in enumerate(PEOPLE)]
    examples.write_text("question\tanswers\n" + "\n".join(rows) + "\n")
    asked = "Who is Ewa Krawczyk hitched to?"
    shown = kgp("ask", asked, "--graph", GRAPH, "--examples", examples)
    assert shown.out.startswith("Tomasz Dudek")
    assert "Ewa Krawczyk -[HAS_SPOUSE]-> Tomasz Dudek" in shown.out
    assert kgp("ask", asked, "--graph", "nowhere").code == 1
    assert kgp("ask", asked, "--graph", GRAPH, "--run", "nothing").code == 2
    examples.write_text("question\tanswers\nwho is nobody hitched to\tp1\n")
    assert kgp("ask", asked, "--graph", GRAPH, "--examples", examples).code == 1


def test_the_data_is_plain(asker: Asker) -> None:
    data = data_of(ask(asker, "Where was Maria Nowak born?"))
    assert json.loads(json.dumps(data))["answers"][0]["paths"][0]["statements"][0]["kind"]
