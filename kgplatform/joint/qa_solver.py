"""A strategy and the graph it answers from: which entities answer, how likely, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from kgplatform.joint.qa_embedding import QuestionAsRelation
from kgplatform.joint.qa_gnn import GraphReader, areas_of
from kgplatform.joint.qa_questions import Linked
from kgplatform.joint.qa_reader import Phrases, batch_of
from kgplatform.joint.qa_walks import Walks, ways_of

TIE = 1e-5
"""Log-probabilities that differ by less are the same: sums in another order."""


@dataclass(frozen=True)
class Scored:
    """Log-probabilities of entities for the questions of a batch.

    Attributes:
        nodes: entity_index, int64 [M].
        owner: Which question, in order, int64 [M].
        scores: [M].
    """

    nodes: Tensor
    owner: Tensor
    scores: Tensor


@dataclass(frozen=True, eq=False)
class Solver:
    """A network with what it needs to read questions about a graph.

    Attributes:
        network: The strategy.
        phrases: Vectors of words and phrases.
        walks: The graph.
        relations: Its relations.
    """

    network: GraphReader | QuestionAsRelation
    phrases: Phrases
    walks: Walks
    relations: Sequence[str]

    def scores(self, questions: Sequence[Linked]) -> Scored:
        """Candidates of each question with their log-probabilities, with gradients."""
        batch = batch_of([question.words for question in questions], self.phrases)
        topics = [question.topic for question in questions]
        if isinstance(self.network, GraphReader):
            areas = areas_of([self.walks.area(topic) for topic in topics])
            return Scored(areas.nodes, areas.owner, self.network(batch, areas))
        found = self.network(batch, torch.tensor(topics))
        size, entities = found.shape
        return Scored(
            torch.arange(entities).repeat(size),
            torch.arange(size).repeat_interleave(entities),
            found.flatten(),
        )

    def loss(self, questions: Sequence[Linked], paths: float) -> Tensor:
        """Mean of -log p(answers); questions whose answers cannot be reached have none.

        Args:
            questions: Some.
            paths: Weight of -log p(gold path), for the strategy gnn.
        """
        scored = self.scores(questions)
        right = is_answer(scored, questions, self.walks.num_entities)
        mass = torch.zeros(len(questions)).index_add(
            0, scored.owner[right], scored.scores[right].exp()
        )
        reached = mass > 0
        loss = -mass[reached].clamp_min(1e-20).log().sum() / max(1, int(reached.sum()))
        if paths and isinstance(self.network, GraphReader):
            loss = loss + paths * self._path_loss(self.network, questions)
        return loss

    def _path_loss(self, network: GraphReader, questions: Sequence[Linked]) -> Tensor:
        known = []
        for at, question in enumerate(questions):
            way = ways_of(question.question.path or (), self.relations)
            if way and len(way) <= network.hops:
                known.append((at, way))
        if not known:
            return torch.zeros(())
        read = network.read(batch_of([questions[at].words for at, _ in known], self.phrases))
        parts = [
            read.count[row, len(way) - 1] + read.ways[row, range(len(way)), list(way)].sum()
            for row, (_, way) in enumerate(known)
        ]
        return -torch.stack(parts).mean()


def is_answer(scored: Scored, questions: Sequence[Linked], num_entities: int) -> Tensor:
    """Which candidates are answers, bool [M]."""
    keys = [at * num_entities + a for at, q in enumerate(questions) for a in q.answers]
    return torch.isin(scored.owner * num_entities + scored.nodes, torch.tensor(keys))


def batches(questions: Sequence[Linked], size: int) -> Iterator[Sequence[Linked]]:
    """Questions in order, some at a time."""
    for start in range(0, len(questions), size):
        yield questions[start : start + size]


@dataclass(frozen=True)
class Judged:
    """How questions were answered.

    Attributes:
        hits: Of each the share of answers among its likeliest entities, [n].
        confidence: The probability of these together, [n].
    """

    hits: np.ndarray
    confidence: np.ndarray


@torch.no_grad()
def judge(solver: Solver, questions: Sequence[Linked], batch_size: int) -> Judged:
    """hits@1 of each question.

    As everywhere in this project ties are realistic: of two likeliest, one of them an answer, a
    half counts. A question whose walks all end nowhere is wrong.
    """
    was = solver.network.training
    solver.network.eval()
    hits, confidence = [np.zeros(0)], [np.zeros(0)]
    for some in batches(questions, batch_size):
        scored = solver.scores(some)
        right = is_answer(scored, some, solver.walks.num_entities).double()
        size = len(some)
        most = torch.full((size,), -torch.inf).scatter_reduce(
            0, scored.owner, scored.scores, "amax"
        )
        first = (scored.scores >= most[scored.owner] - TIE) & scored.scores.isfinite()
        many = torch.zeros(size).double().index_add(0, scored.owner, first.double())
        hit = torch.zeros(size).double().index_add(0, scored.owner, first.double() * right)
        hits.append((hit / many.clamp_min(1)).numpy())
        confidence.append((most.exp() * many).clamp_max(1).numpy())
    solver.network.train(was)
    return Judged(np.concatenate(hits), np.concatenate(confidence))


def trainable(network: nn.Module) -> list[nn.Parameter]:
    """What training changes."""
    return [value for value in network.parameters() if value.requires_grad]
