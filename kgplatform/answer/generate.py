"""Texts from a graph: a paragraph about an entity, or an answer in prose; each sentence with the
facts that it says, and the whole checked against the graph again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path as FilePath
from typing import TYPE_CHECKING

from kgplatform.answer.check import Checker, Claim, check, open_checker
from kgplatform.answer.lines import lines_about, lines_of
from kgplatform.answer.readings import Named
from kgplatform.answer.records import Answer
from kgplatform.answer.write_text import Written, by_model, by_template
from kgplatform.settings import Settings
from kgplatform.store.client import Store
from kgplatform.store.search import find_entity, name_of
from kgplatform.store.statements import Passage, Statement, passages, statements_around

if TYPE_CHECKING:
    from kgplatform.text.llm.protocol import LanguageModel

TEMPLATE = "template"
NO_MODEL = "none"
MOST_STATEMENTS = 60
COUNTED = ("supported", "contradicted", "absent")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a text.

    Attributes:
        text: It.
        statements: Ids of the facts that it says: those that the writer cites and whose names
            stand in it, and those that the check found in it.
        claims: What it says, read out of it again, and whether the graph does.
    """

    text: str
    statements: tuple[str, ...]
    claims: tuple[Claim, ...]


@dataclass(frozen=True, slots=True)
class Generated:
    """A text and what it rests on.

    Attributes:
        topic: entity_id of what it is about; of an answer, its first entity, if it has one.
        name: What that is called.
        question: What it answers, if it answers one.
        text: All sentences.
        sentences: Each with its facts.
        statements: The facts that the writer was given.
        passages: The texts that it was given.
        writer: ``template``, or the language model's name.
        supported: Claims that the graph has.
        contradicted: Claims against which it has another fact.
        absent: Claims that it does not have.
        unread: Pairs of names that the graph joins, of which the text could not be read.
        faithfulness: Supported claims of all but the unread; None where there are none.
    """

    topic: str | None
    name: str | None
    question: str | None
    text: str
    sentences: tuple[Sentence, ...]
    statements: tuple[Statement, ...]
    passages: tuple[Passage, ...]
    writer: str
    supported: int
    contradicted: int
    absent: int
    unread: int
    faithfulness: float | None


def generate(
    store: Store,
    settings: Settings,
    graph: str,
    topic: str,
    *,
    llm: str | LanguageModel | None = None,
    predicted: bool = True,
    limit: int = MOST_STATEMENTS,
    checker: Checker | None = None,
) -> Generated:
    """A paragraph about an entity, from the facts that the graph gives it.

    Args:
        store: The database.
        settings: Where a language model's answers are kept.
        graph: The graph.
        topic: An entity's id or name.
        llm: A language model or its name; None for the template.
        predicted: Whether predicted links are told, too.
        limit: Most statements.
        checker: Of the graph, if one is open; without, one is opened for this text.

    Raises:
        InputError: There is no such entity (the hint suggests some), or no such graph.
        LanguageModelError: The model cannot be asked.
    """
    entity = find_entity(store, graph, topic)
    found = statements_around(store, graph, [entity], predicted=predicted, limit=limit)[entity]
    name = name_of(store, graph, entity)
    read = _evidence(store, graph, found)
    model = model_of(llm, settings)
    lines = lines_about(entity, found)
    written = by_template(lines)
    if model is not None and lines:
        written = by_model(model, name, lines, read) or written
    if not lines:
        written = [Written(f"The graph {graph} says nothing of {name}.", ())]
    used = checker or open_checker(store, graph)
    about = Named(-1, -1, (entity,), name)
    return _checked(used, about, None, written, found, read, model)


def in_prose(
    store: Store,
    settings: Settings,
    graph: str,
    answer: Answer,
    *,
    llm: str | LanguageModel | None = None,
    checker: Checker | None = None,
) -> Generated:
    """An answer as a text, from the facts on its paths.

    Args:
        store: The database.
        settings: Where a language model's answers are kept.
        graph: The graph.
        answer: With its paths. Its own text comes first, and is not checked: whoever answered has
            said how sure it is. One that is not known is said to be so, by no model.
        llm: A language model or its name; None for the template.
        checker: Of the graph, if one is open; without, one is opened for this text.
    """
    found = list(
        {
            statement.id: statement
            for entity in answer.answers
            for path in entity.paths
            for statement in path.statements
        }.values()
    )
    read = {each.id: each for entity in answer.answers for each in entity.evidence}
    lines = lines_of(found)
    said = Sentence(_ended(answer.text), tuple(each.id for each in found), ())
    written = by_template(lines)
    model = model_of(llm, settings) if lines else None
    if model is not None:
        named = ", ".join(entity.name for entity in answer.answers)
        written = by_model(model, named, lines, list(read.values()), answer.question) or written
    used = checker or open_checker(store, graph)
    first = answer.answers[0] if answer.answers else None
    about = Named(-1, -1, (first.id,), first.name) if first else Named(-1, -1, (), "")
    made = _checked(used, about, answer.question, written, found, list(read.values()), model)
    sentences = (said, *made.sentences)
    return replace(made, text=" ".join(each.text for each in sentences), sentences=sentences)


def _ended(text: str) -> str:
    return text if text.rstrip().endswith((".", "!", "?")) else f"{text.rstrip()}."


def model_of(llm: str | LanguageModel | None, settings: Settings) -> LanguageModel | None:
    """The language model that is meant, its answers kept; None for none."""
    if llm is None or llm == NO_MODEL:
        return None
    if not isinstance(llm, str):
        return llm
    from kgplatform.text.llm.load import load_model

    return load_model(llm, FilePath(settings.kgp_runs) / "answers" / "generate", settings)


def _evidence(store: Store, graph: str, found: Iterable[Statement]) -> list[Passage]:
    return list(passages(store, graph, (key for each in found for key in each.evidence)).values())


def _checked(
    checker: Checker,
    about: Named,
    question: str | None,
    written: Sequence[Written],
    found: Sequence[Statement],
    read: Sequence[Passage],
    model: LanguageModel | None,
) -> Generated:
    """A text with its check."""
    material = " ".join(
        [
            *(f"{each.head_name} {each.tail_name} {each.confidence:.2f}" for each in found),
            *(each.run or "" for each in found),
            *(each.text for each in read),
        ]
    )
    texts = [each.text for each in written]
    claims = check(checker, texts, about, material) if found else [() for _ in texts]
    sentences = tuple(
        Sentence(each.text, _cited(each, about, of_one), of_one)
        for each, of_one in zip(written, claims, strict=True)
    )
    counts = {
        verdict: sum(claim.verdict == verdict for of_one in claims for claim in of_one)
        for verdict in (*COUNTED, "unread")
    }
    total = sum(counts[verdict] for verdict in COUNTED)
    return Generated(
        topic=about.ids[0] if about.ids else None,
        name=about.text or None,
        question=question,
        text=" ".join(texts),
        sentences=sentences,
        statements=tuple(found),
        passages=tuple(read),
        writer=TEMPLATE if model is None else model.name,
        faithfulness=counts["supported"] / total if total else None,
        **counts,
    )


def _cited(written: Written, about: Named, claims: Sequence[Claim]) -> tuple[str, ...]:
    """Ids of the facts that a sentence says.

    A model cites a line that names ten neighbours where its sentence names two: those two count,
    whatever stands for the topic.
    """
    cited = [
        each.id
        for line in written.lines
        for each in line.statements
        if all(
            key in about.ids or _names(written.text, name)
            for key, name in ((each.head, each.head_name), (each.tail, each.tail_name))
        )
    ]
    found = [claim.statement for claim in claims if claim.verdict == "supported"]
    return tuple(dict.fromkeys(filter(None, (*cited, *found))))


def _names(text: str, name: str) -> bool:
    """Whether a text has a name, as words of its own: ``German`` is not in ``Germany``."""
    return re.search(rf"(?<!\w){re.escape(name.casefold())}(?!\w)", text.casefold()) is not None
