"""Answers to questions, each with the way to it and how sure it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from kgplatform.errors import InputError
from kgplatform.joint.qa_gnn import GraphReader, Read, best_walk
from kgplatform.joint.qa_questions import Linked, Names, Question
from kgplatform.joint.qa_reader import batch_of, phrases_of
from kgplatform.joint.qa_solver import Solver
from kgplatform.joint.qa_walks import Area, path_of

LEAST = 1e-4
"""Probability below which an entity is not given as an answer beside likelier ones."""


@dataclass(frozen=True)
class Step:
    """A fact that was walked over: ``head -relation-> tail`` as the graph has it.

    Attributes:
        head: entity_id.
        relation: Its name.
        tail: entity_id.
        inverse: Whether it was walked from tail to head.
        phrase: The words of the question that most spoke for the step.
    """

    head: str
    relation: str
    tail: str
    inverse: bool
    phrase: str


@dataclass(frozen=True)
class Answer:
    """An entity that answers a question.

    Attributes:
        entity_id: Which.
        name: What it is called.
        probability: That of the entity among all of the graph; several answers share it.
        confidence: That of what the answer's path leads to, together; without a path the same as
            ``probability``.
        path: Relations from the topic, ``^`` before one walked from tail to head.
        steps: The path's likeliest facts.
    """

    entity_id: str
    name: str
    probability: float
    confidence: float
    path: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, eq=False)
class Answerer:
    """A trained strategy, ready for questions.

    Attributes:
        solver: The strategy on its graph.
        entities: entity_ids by entity_index.
        names: What entities are called beside their ids.
        known: The same, to be found in questions.
    """

    solver: Solver
    entities: Sequence[str]
    names: Mapping[str, str]
    known: Names

    def name(self, index: int) -> str:
        """What an entity is called."""
        return self.names.get(self.entities[index], self.entities[index])


def answerer(solver: Solver, entities: Sequence[str], names: Mapping[str, str]) -> Answerer:
    """A strategy with the names by which questions speak of its graph."""
    known = Names(entities, names, solver.walks.degree.tolist())
    return Answerer(solver, entities, names, known)


@torch.no_grad()
def answer_with(
    asked: Answerer, text: str, *, topic: str | None = None, top_k: int = 10
) -> tuple[Answer, ...]:
    """Answers to a question, the likeliest first; none if every way ends nowhere.

    Args:
        asked: Whom to ask.
        text: The question.
        topic: Id or name of the entity it is about; if None, the longest name in it.
        top_k: Most answers.

    Raises:
        InputError: The question names no entity, or the topic is none.
    """
    question = _linked(asked, text, topic)
    asked.solver.network.eval()
    scored = asked.solver.scores([question])
    chance = scored.scores.exp().numpy()
    order = np.argsort(-chance, kind="stable")[:top_k]
    order = order[chance[order] >= LEAST]
    network = asked.solver.network
    if not isinstance(network, GraphReader):
        return tuple(
            Answer(asked.entities[at], asked.name(at), float(chance[at]), float(chance[at]))
            for at in order.tolist()
        )
    read = network.read(batch_of([question.words], asked.solver.phrases))
    area = asked.solver.walks.area(question.topic)
    return tuple(_explained(asked, question, read, area, chance, at) for at in order.tolist())


def _linked(asked: Answerer, text: str, topic: str | None) -> Linked:
    known = None if topic is None else asked.known.index(topic)
    if topic is not None and known is None:
        raise InputError(f"the graph has no entity {topic!r}", hint="give its id or name")
    found, words = asked.known.words(text, known)
    if not words:
        raise InputError("the question has no words", hint="ask something")
    if found is None:
        raise InputError(
            f"the question names no entity of the graph: {text[:80]!r}",
            hint="spell its name as the graph does, or say which entity is meant",
        )
    return Linked(Question(text, ()), found, (), words)


def _explained(
    asked: Answerer, question: Linked, read: Read, area: Area, chance: np.ndarray, at: int
) -> Answer:
    """An answer with the likeliest walk to it."""
    walk, _ = best_walk(read, area, at)
    relations = asked.solver.relations
    ways = [way for _, way, _ in walk]
    together = np.isin(area.nodes, asked.solver.walks.ends(question.topic, ways))
    spans = phrases_of(question.words)
    steps = []
    for hop, (source, way, target) in enumerate(walk):
        inverse = way >= len(relations)
        ends = [asked.entities[int(area.nodes[node])] for node in (source, target)]
        head, tail = reversed(ends) if inverse else ends
        phrase = ""
        if spans:
            start, end = spans[int(read.attention[0, hop].argmax())]
            phrase = " ".join(question.words[start:end])
        steps.append(Step(head, relations[way % len(relations)], tail, inverse, phrase))
    index = int(area.nodes[at])
    return Answer(
        asked.entities[index],
        asked.name(index),
        float(chance[at]),
        min(1.0, float(chance[together].sum())),
        path_of(ways, relations),
        tuple(steps),
    )
