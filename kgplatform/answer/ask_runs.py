"""What runs answer: links predicted, questions answered as a whole, walks."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from kgplatform.answer.ask_choose import Choice
from kgplatform.answer.ask_offers import Offer
from kgplatform.answer.ask_open import OpenRuns
from kgplatform.answer.ask_template import listed, path_of
from kgplatform.answer.records import Answer, AnswerEntity, Path
from kgplatform.errors import InputError
from kgplatform.store.ask import Step, check_fact
from kgplatform.store.client import Store
from kgplatform.store.statements import Kind, Statement
from kgplatform.triples import fact_id

if TYPE_CHECKING:
    from kgplatform.settings import Settings
    from kgplatform.text.encode import TextEncoder

TOGETHER = 0.9
"""Share of the first answer's probability from which on another is an answer beside it."""

MOST_ENDS = 200
"""Answers of a run that are looked at for those of the first one's way."""

MOST_TOGETHER = 20
"""The same of a walker, which looks for a way to each."""

_WALKING = threading.Lock()
"""A policy has one question's vector at a time."""


def link_answer(
    runs: OpenRuns,
    graph: str,
    names: Mapping[str, str],
    question: str,
    found: Sequence[Choice],
    top_k: int,
) -> Offer | None:
    """What the likeliest plan would lead to if the graph lacks a fact; None where it is of no use.

    Only plans of one step from head to tail: that is what confidence was fitted on.
    """
    predictor = runs.links
    if predictor is None:
        return None
    from kgplatform.training.predict_tails import likely_tails

    for choice in found[:1]:
        step = choice.plan.steps[0]
        if choice.plan.form != "follow" or len(choice.plan.steps) > 1 or step.inverse:
            return None
        head = choice.entities[0]
        if step.relation not in predictor.relations or head not in predictor.entities:
            return None
        answers = []
        for link in likely_tails(predictor, head, step.relation, top_k=top_k):
            ends = head, step.relation, link.tail
            fact = _statement(graph, names, ends, link.confidence, predictor.run)
            sure = choice.confidence * link.confidence
            called = names.get(link.tail, link.tail)
            answers.append(AnswerEntity(link.tail, called, sure, "predicted", (path_of([fact]),)))
        if answers:
            text = f"Predicted: {listed(answers[:1], 1)}"
            said = Answer(question, text, tuple(answers), "link", answers[0].confidence)
            return Offer(said, frozenset([answers[0].id]))
    return None


def joint_answer(
    store: Store,
    runs: OpenRuns,
    graph: str,
    names: Mapping[str, str],
    question: str,
    topics: Sequence[str],
    top_k: int,
) -> Offer | None:
    """What a run of question answering says; None where it knows nothing that is named."""
    if runs.joint is None:
        return None
    from kgplatform.joint.qa_answer import answer_with

    run, answerer = runs.joint
    topic = next((each for each in topics if answerer.known.index(each) is not None), None)
    try:
        said = answer_with(answerer, question, topic=topic, top_k=MOST_ENDS)
    except InputError:
        return None
    # What one way leads to is one answer; without ways, what is as likely.
    said = tuple(
        each
        for each in said
        if (each.path and each.path == said[0].path)
        or each.probability >= TOGETHER * said[0].probability
    )
    words = answerer.known.words(question, answerer.known.index(topic) if topic else None)[1]
    familiar = familiarity(runs, "joint", words, answerer.solver.phrases.encoder)
    answers = []
    for each in said[:top_k]:
        steps = [(step.head, step.relation, step.tail) for step in each.steps]
        path = _walked(store, graph, names, steps, run, each.confidence)
        answers.append(_entity(names, each.entity_id, each.confidence, path))
    ids = frozenset(each.entity_id for each in said)
    return _offer(question, "joint", answers, ids, familiar)


def walker_answer(
    store: Store,
    runs: OpenRuns,
    settings: Settings,
    graph: str,
    names: Mapping[str, str],
    question: str,
    topics: Sequence[str],
    top_k: int,
) -> Offer | None:
    """Where a walker's walks end; None where it knows nothing that is named."""
    if runs.walker is None:
        return None
    import torch

    from kgplatform.joint.qa_questions import Names, words_read
    from kgplatform.text.vector_cache import cached_text_vectors
    from kgplatform.walk.explain import answers_of, fact_of
    from kgplatform.walk.queries import asked_of, text_queries

    run, walker, reader = runs.walker
    snapshot = walker.snapshot
    degree = snapshot.edge_index.flatten().bincount(minlength=snapshot.num_entities).tolist()
    known = Names(snapshot.entities, walker.said["names"], degree)
    index = next((at for each in topics if (at := known.index(each)) is not None), None)
    topic, words = known.words(question, index)
    if topic is None:
        return None
    vector = cached_text_vectors(reader, [words_read(words)], settings.text_cache)
    with _WALKING:
        walker.policy.texts = torch.from_numpy(vector)
        asked = asked_of(text_queries([topic], [[]], 0), walker.known, training=False)
        found = answers_of(walker, asked, most=max(top_k, MOST_TOGETHER), ways=1)
    familiar = familiarity(runs, "walker", words, reader)
    answers = []
    likely = [each for each in found if each.probability >= TOGETHER * found[0].probability]
    for each in likely[:top_k]:
        steps = []
        for move in each.ways[0].moves if each.ways else ():
            head, relation, tail = fact_of(move, snapshot.num_relations)
            ends = snapshot.entities[head], snapshot.entities[tail]
            steps.append((ends[0], snapshot.relations[relation], ends[1]))
        path = _walked(store, graph, names, steps, run, each.probability)
        entity = snapshot.entities[each.entity]
        answers.append(_entity(names, entity, min(1.0, each.probability), path))
    ids = frozenset(snapshot.entities[each.entity] for each in likely)
    return _offer(question, "walker", answers, ids, familiar)


def familiarity(runs: OpenRuns, strategy: str, words: Sequence[str], reader: TextEncoder) -> float:
    """Cosine of a question and the nearest one that a run was trained on; 0 if none is known."""
    from kgplatform.answer.plan_index import unit_vectors
    from kgplatform.joint.qa_questions import words_read

    known = runs.asked.get(strategy)
    if known is None or not len(known):
        return 0.0
    return float((known @ unit_vectors(reader, [words_read(words)])[0]).max())


def _entity(names: Mapping[str, str], entity: str, sure: float, path: Path | None) -> AnswerEntity:
    asserted = path is not None and all(each.kind == "asserted" for each in path.statements)
    kind: Kind = "asserted" if asserted else "predicted"
    paths = () if path is None else (path,)
    return AnswerEntity(entity, names.get(entity, entity), sure, kind, paths)


def _offer(
    question: str, strategy: str, answers: list[AnswerEntity], ids: frozenset[str], familiar: float
) -> Offer | None:
    if not answers:
        return None
    first = answers[0]
    word = "" if first.kind == "asserted" else "Predicted: "
    text = word + listed(answers, len(answers))
    return Offer(Answer(question, text, tuple(answers), strategy, first.confidence), ids, familiar)


def _walked(
    store: Store,
    graph: str,
    names: Mapping[str, str],
    steps: Sequence[tuple[str, str, str]],
    run: str,
    sure: float,
) -> Path | None:
    """The facts of a walk as the graph has them now; predicted where it has them no more."""
    statements = []
    for head, relation, tail in steps:
        there = check_fact(store, graph, (head, tail), Step(relation))
        facts = [path[0] for end in there.ends for path in end.paths]
        ends = head, relation, tail
        statements.append(facts[0] if facts else _statement(graph, names, ends, sure, run))
    return path_of(statements) if statements else None


def _statement(
    graph: str, names: Mapping[str, str], fact: tuple[str, str, str], sure: float, run: str
) -> Statement:
    """A link that a run predicts."""
    head, relation, tail = fact
    return Statement(
        fact_id(graph, head, relation, tail),
        head,
        names.get(head, head),
        relation,
        tail,
        names.get(tail, tail),
        "predicted",
        sure,
        run=run,
    )
