"""Answers by a query that a language model writes, behind a fence, with one repair."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kgplatform.answer.ask_offers import Offer
from kgplatform.answer.ask_template import entities_of
from kgplatform.answer.plans import GraphShape
from kgplatform.answer.question_links import QuestionNames, find_names
from kgplatform.answer.records import Answer
from kgplatform.errors import PromptTooLongError, QueryRefusedError, StoreError
from kgplatform.queries import quote
from kgplatform.store.ask import End, Step
from kgplatform.store.client import Store
from kgplatform.store.fence import run_fenced
from kgplatform.store.match import Matched
from kgplatform.store.search import names_of
from kgplatform.text.llm.protocol import LanguageModel, Message, Request
from kgplatform.text.llm.untrusted import harmless
from kgplatform.text.words import relation_words

STRATEGY = "cypher"
MOST_RELATIONS = 60
"""Relations of the prompt: the commonest ones."""

NAMED = 6
MOST_TOKENS = 300
SHOWN = 20

USUAL = 0.66
REPAIRED = 0.45
"""How often a query is taken to be right, at first and after a repair, times the mean probability
of its words. Not measured but set: a query that the model was sure of at once may answer where
nothing surer does, and one that had to be repaired may not."""

_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"cypher": {"type": "string"}},
    "required": ["cypher"],
    "additionalProperties": False,
}

_TASK = """You write one Cypher query for Neo4j that answers a question about a graph.
Only read: MATCH, WHERE, WITH, RETURN, ORDER BY, LIMIT.
Every node is (:Entity {graph: $graph}) with the properties id and name, and has the labels listed.
Name an entity by its id. For a question of which things, RETURN x.id AS id, x.name AS name.
For a number or yes and no, RETURN … AS value.
If the graph has nothing to answer by, write RETURN null AS value.
Answer in JSON: {"cypher": "…"}"""


@dataclass(frozen=True)
class Written:
    """A query that a model wrote, and what came of it.

    Attributes:
        cypher: The query.
        matched: Its rows.
        repaired: Whether the first one was refused.
        likelihood: Mean probability of its tokens; None where the backend does not tell.
    """

    cypher: str
    matched: Matched
    repaired: bool
    likelihood: float | None


def cypher_answer(
    store: Store,
    shape: GraphShape,
    names: QuestionNames,
    model: LanguageModel,
    question: str,
    top_k: int,
) -> Offer | None:
    """What a model's query returns; None where it wrote none that may run, or none that answers."""
    found = write_query(store, shape, names, model, question)
    if found is None:
        return None
    sure = _confidence(found)
    graph = names.graph
    ids = [row[at] for at in _columns(found, "id") for row in found.matched.rows]
    known = names_of(store, graph, [str(each) for each in dict.fromkeys(ids) if each is not None])
    ends = [End(key, name) for key, name in known.items()]
    params = {"graph": graph}
    if ends:
        answers = entities_of(store, graph, ends, sure, top_k)
        text = ", ".join(each.name for each in answers[:SHOWN])
        said = Answer(question, text, answers, STRATEGY, sure, found.cypher, params)
        return Offer(said, frozenset(known))
    values = [
        row[at] for at in _columns(found, "value") for row in found.matched.rows
        if isinstance(row[at], str | int | float | bool)
    ]  # fmt: skip
    if not values:
        return None
    text = ", ".join(_said(value) for value in values[:SHOWN])
    said = Answer(question, text, (), STRATEGY, sure, found.cypher, params)
    return Offer(said, frozenset())


def write_query(
    store: Store,
    shape: GraphShape,
    names: QuestionNames,
    model: LanguageModel,
    question: str,
) -> Written | None:
    """Have a model write a query and run it; once more, with the error, if it was refused."""
    messages = prompt(shape, names, store, question)
    params = {"graph": names.graph}
    for repaired in (False, True):
        try:
            said = model.complete(Request(messages, _SCHEMA, max_tokens=MOST_TOKENS))
        except PromptTooLongError:
            return None
        query = _query(said.text)
        if query is None:
            return None
        try:
            matched = run_fenced(store, query, params)
        except (QueryRefusedError, StoreError) as error:
            messages = (
                *messages,
                Message("assistant", harmless(said.text)),
                Message("user", f"That was refused: {harmless(str(error))[:400]}\nCorrect it."),
            )
            continue
        tokens = said.tokens or ()
        likely = math.exp(sum(t.log_probability for t in tokens) / len(tokens)) if tokens else None
        return Written(query, matched, repaired, likely)
    return None


def prompt(
    shape: GraphShape, names: QuestionNames, store: Store, question: str
) -> tuple[Message, ...]:
    """What a model is asked: the graph's schema, examples, the entities, the question."""
    named = sorted(find_names(names, store, question), key=lambda each: -each.likeness)[:NAMED]
    entities = {each.entity: names.called[each.entity] for each in named}
    lines = [_TASK, "", "Relations:"]
    forward = [step for step in shape.steps() if not step.inverse][:MOST_RELATIONS]
    lines += [
        f"(:{_label(shape.start_word(step))})-[:{quote(step.relation)}]->"
        f"(:{_label(shape.end_word(step))})"
        for step in forward
    ]
    turns = [Message("system", "\n".join(lines)), *_examples(forward)]
    return (*turns, _asked(question, entities))


def _label(word: str) -> str:
    return "".join(part.capitalize() for part in word.split())


def _examples(steps: Sequence[Step]) -> list[Message]:
    """Questions with their queries, of the commonest relations."""
    turns: list[Message] = []
    for at, step in enumerate(steps[:3]):
        relation, words = quote(step.relation), relation_words(step.relation)
        node, other = "(e:Entity {graph: $graph, id: 'a'})", "(x:Entity {graph: $graph})"
        cypher, question = (
            (f"MATCH {node}-[:{relation}]->{other} RETURN x.id AS id, x.name AS name",
             f"What does A {words}?"),
            (f"MATCH {other}-[:{relation}]->{node} RETURN x.id AS id, x.name AS name",
             f"Which {words} A?"),
            (f"MATCH {node}-[:{relation}]->{other} RETURN count(x) AS value",
             f"How many does A {words}?"),
        )[at]  # fmt: skip
        answer = json.dumps({"cypher": cypher})
        turns += [_asked(question, {"a": "A"}), Message("assistant", answer)]
    return turns


def _asked(question: str, entities: Mapping[str, str]) -> Message:
    listed = "\n".join(f"{harmless(name)}: id {json.dumps(key)}" for key, name in entities.items())
    return Message("user", f"Entities:\n{listed or 'none'}\nQuestion: {harmless(question)[:500]}")


def _query(text: str) -> str | None:
    start = text.find("{")
    try:
        value, _ = json.JSONDecoder().raw_decode(text, max(start, 0))
    except (json.JSONDecodeError, RecursionError):
        return None
    query = value.get("cypher") if isinstance(value, dict) else None
    return query.strip() if isinstance(query, str) and query.strip() else None


def _columns(found: Written, name: str) -> list[int]:
    """The column of a name, if it was returned."""
    return [at for at, column in enumerate(found.matched.columns) if column == name][:1]


def _confidence(found: Written) -> float:
    base = REPAIRED if found.repaired else USUAL
    return base if found.likelihood is None else base * found.likelihood


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "Yes" if value else "No"
    return f"{value:,}" if isinstance(value, int) else str(value)
