"""What is asked: facts with one end missing, or questions in words; and batches of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.triples import Split
from kgplatform.walk.env import NOTHING, Asked


@dataclass(frozen=True, eq=False)
class Queries:
    """Questions whose answers are known.

    Attributes:
        start: int64 [Q].
        relation: Directed relation, or -1, int64 [Q].
        text: Row of the question's vector, or -1, int64 [Q].
        target: The answer of a fact, or -1 with a question in words, int64 [Q].
        first: Where each one's answers begin in ``answers``, int64 [Q].
        count: How many it has, int64 [Q].
        number: Which of the whole set each is, int64 [Q].
        answers: Where walks are to end, int64 [K]; some may be nobody's.
    """

    start: Tensor
    relation: Tensor
    text: Tensor
    target: Tensor
    first: Tensor
    count: Tensor
    number: Tensor
    answers: Tensor

    def __len__(self) -> int:
        return len(self.start)

    def __getitem__(self, rows: Tensor) -> Queries:
        """Some of them, in any order, one several times if need be."""
        return Queries(
            self.start[rows],
            self.relation[rows],
            self.text[rows],
            self.target[rows],
            self.first[rows],
            self.count[rows],
            self.number[rows],
            self.answers,
        )

    def pairs(self) -> tuple[Tensor, Tensor]:
        """Question and answer, a pair an answer, [K] each."""
        row, inside = spread(self.count)
        return row, self.answers[self.first[row] + inside]


def spread(count: Tensor) -> tuple[Tensor, Tensor]:
    """Rows [n] as often as ``count`` says, and for each time its number from 0, [sum] each."""
    row = torch.repeat_interleave(torch.arange(len(count), device=count.device), count)
    before = torch.repeat_interleave(count.cumsum(0) - count, count)
    return row, torch.arange(len(row), device=count.device) - before


def fact_queries(facts: Tensor, num_relations: int, *, both: bool = True) -> Queries:
    """(h, r, ?) of each fact, then, if ``both``, (t, r⁻¹, ?) of each; facts int64 [n, 3]."""
    head, relation, tail = facts.unbind(1)
    start, target = head, tail
    if both:
        start, target = torch.cat((head, tail)), torch.cat((tail, head))
        relation = torch.cat((relation, relation + num_relations))
    none = torch.full_like(start, NOTHING)
    place = torch.arange(len(start), device=start.device)
    return Queries(start, relation, none, target, place, torch.ones_like(start), place, target)


def text_queries(starts: Sequence[int], answers: Sequence[Sequence[int]], first: int) -> Queries:
    """Questions in words, whose vectors stand in rows from ``first`` on.

    Args:
        starts: The entity that each names.
        answers: Of each question.
        first: Row of the first question's vector.
    """
    start = torch.tensor(list(starts), dtype=torch.int64)
    none = torch.full_like(start, NOTHING)
    count = torch.tensor([len(ends) for ends in answers], dtype=torch.int64)
    flat = torch.tensor([end for ends in answers for end in ends], dtype=torch.int64)
    text = torch.arange(first, first + len(start))
    place = torch.arange(len(start))
    return Queries(start, none, text, none, count.cumsum(0) - count, count, place, flat)


@dataclass(frozen=True, eq=False)
class KnownEnds:
    """What training facts answer: sorted numbers (start · 2R + relation) · N + end, int64 [S]."""

    keys: Tensor
    num_relations: int
    num_entities: int

    def of(self, start: Tensor, relation: Tensor) -> tuple[Tensor, Tensor]:
        """Known answers of questions [B]: row and entity, [K] each; of texts none."""
        first = (start * 2 * self.num_relations + relation) * self.num_entities
        asks = relation >= 0
        low = torch.searchsorted(self.keys, first)
        high = torch.searchsorted(self.keys, first + self.num_entities)
        count = torch.where(asks, high - low, 0)
        row, inside = spread(count)
        return row, self.keys[low[row] + inside] % self.num_entities

    @cached_property
    def reflexive(self) -> Tensor:
        """Whether a training fact of each directed relation joins a thing to itself, bool [2R]."""
        question, end = self.keys // self.num_entities, self.keys % self.num_entities
        directed = 2 * self.num_relations
        found = torch.zeros(directed, dtype=torch.bool, device=self.keys.device)
        found[question[question // directed == end] % directed] = True
        return found


def known_ends(snapshot: KGSnapshot, split: Split = "train") -> KnownEnds:
    """What the facts of a split answer, in both directions."""
    head, relation, tail = snapshot.triples(split).unbind(1)
    entities, relations = snapshot.num_entities, snapshot.num_relations
    forward = (head * 2 * relations + relation) * entities + tail
    back = (tail * 2 * relations + relation + relations) * entities + head
    return KnownEnds(torch.unique(torch.cat((forward, back))), relations, entities)


def asked_of(queries: Queries, known: KnownEnds, *, training: bool) -> Asked:
    """Questions as walks see them, on the device of ``known``.

    Args:
        queries: Some questions.
        known: Training facts: no walk may end at another answer that they give, nor where it
            began if they know nothing to have that relation to itself. What valid or test facts
            answer is never looked at.
        training: Whether the questions are training facts, whose own edges are masked.
    """
    device = known.keys.device
    start, relation = queries.start.to(device), queries.relation.to(device)
    answers = torch.zeros(len(queries), known.num_entities, dtype=torch.bool, device=device)
    row, end = queries.pairs()
    answers[row.to(device), end.to(device)] = True
    hidden = torch.zeros_like(answers)
    hidden[known.of(start, relation)] = True
    # Nothing is its own answer where training knows no such fact of the relation.
    lone = (relation >= 0) & ~known.reflexive[relation.clamp_min(0)]
    hidden[lone.nonzero().squeeze(1), start[lone]] = True
    target = queries.target.to(device)
    if not training:
        target = torch.full_like(target, NOTHING)
    text, number = queries.text.to(device), queries.number.to(device)
    return Asked(start, relation, text, target, answers, hidden & ~answers, number)


def shuffled_batches(
    queries: Queries, size: int, fewest: int, generator: torch.Generator
) -> Iterator[Queries]:
    """All questions in an order that is drawn on the CPU; again and again, if they are few.

    Args:
        queries: At least one.
        size: Questions of a batch.
        fewest: Batches that there are at least.
        generator: On the CPU.
    """
    rounds = -(-fewest * size // len(queries)) if len(queries) < fewest * size else 1
    orders = [torch.randperm(len(queries), generator=generator) for _ in range(rounds)]
    for rows in torch.split(torch.cat(orders), size):
        yield queries[rows]


def batches(queries: Queries, size: int) -> Iterator[Queries]:
    """All questions once, in their order."""
    for rows in torch.split(torch.arange(len(queries)), size):
        yield queries[rows]
