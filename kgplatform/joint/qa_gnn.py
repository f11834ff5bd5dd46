"""Question-gated message passing: answers are found by walking from the topic.

For each hop, attention over the question's phrases gives an instruction; an edge passes on as much
as the instruction agrees with the text vector of its relation's *name*. So ways and even relations
that training never saw can be walked. After "Improving Multi-hop Knowledge Base Question Answering
by Learning Intermediate Supervision Signals" (He et al. 2021, NSM) and "TransferNet" (Shi et al.
2021), with the directional distances of SubgraphRAG (Li et al. 2025).

The probability of a walk is the product of its steps' over the sum of those of all walks that the
graph has, so that what the graph lacks is not asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from kgplatform.joint.qa_reader import LONGEST_PHRASE, Batch, Reader, states_of_phrases
from kgplatform.joint.qa_walks import Area

TINY = 1e-30
SHARPNESS = 10.0
"""What cosines are multiplied by at the start."""


@dataclass(frozen=True)
class Areas:
    """What can be reached in each question of a batch, side by side.

    Attributes:
        nodes: entity_index, int64 [M].
        owner: Which question, int64 [M].
        topic: Place of each question's topic, int64 [B].
        hops: Of each hop source [S], way [S], target [S] and question [S].
        distance: [M, F].
    """

    nodes: Tensor
    owner: Tensor
    topic: Tensor
    hops: tuple[tuple[Tensor, Tensor, Tensor, Tensor], ...]
    distance: Tensor


def areas_of(areas: Sequence[Area]) -> Areas:
    """Areas of several questions in one batch."""
    sizes = np.array([area.nodes.size for area in areas])
    first = np.cumsum(sizes) - sizes
    hops = []
    for at in range(len(areas[0].hops)):
        parts = [area.hops[at] for area in areas]
        number = np.array([part.way.size for part in parts])
        shift = np.repeat(first, number)
        columns = (
            np.concatenate([part.source for part in parts]) + shift,
            np.concatenate([part.way for part in parts]),
            np.concatenate([part.target for part in parts]) + shift,
            np.repeat(np.arange(len(parts)), number),
        )
        hops.append(tuple(map(torch.from_numpy, columns)))
    return Areas(
        torch.from_numpy(np.concatenate([area.nodes for area in areas])),
        torch.from_numpy(np.repeat(np.arange(len(areas)), sizes)),
        torch.from_numpy(first),
        tuple(hops),  # type: ignore[arg-type]
        torch.from_numpy(np.concatenate([area.distance for area in areas])),
    )


@dataclass(frozen=True)
class Read:
    """What a question asks for.

    Attributes:
        attention: Over phrases, a hop, [B, T, P].
        ways: Log-probability of relations and directions, a hop, [B, T, 2R].
        count: Log-probability of the number of hops, [B, T].
        gate: What distances count, [B, F].
    """

    attention: Tensor
    ways: Tensor
    count: Tensor
    gate: Tensor


class Shift(nn.Module):
    """Vectors, and what training learns to add to them; nothing at first.

    So the likeness of words that the encoder knows is there from the start, and stays for words
    that training has not.
    """

    def __init__(self, width: int, rank: int) -> None:
        super().__init__()
        self.down = nn.Linear(width, rank, bias=False)
        self.up = nn.Linear(rank, width, bias=False)
        nn.init.zeros_(self.up.weight)

    def forward(self, vectors: Tensor) -> Tensor:
        """[…, D] → […, D]."""
        moved: Tensor = vectors + self.up(torch.tanh(self.down(vectors)))
        return moved


class GraphReader(nn.Module):
    """Reads a question step by step and walks.

    Args:
        width: Length of the encoder's vectors, D.
        hops: Most steps, T.
        features: Columns of distances, F; 0 leaves them out.
        hidden: Length of the LSTM's states, a direction.
        dropout: Share of numbers set to zero in training.
        relations: Text vectors of the relations' names, [R, D].
    """

    relations: Tensor

    def __init__(
        self,
        width: int,
        hops: int,
        features: int,
        hidden: int,
        dropout: float,
        relations: Tensor,
    ) -> None:
        super().__init__()
        self.hops = hops
        self.reader = Reader(width, hidden, dropout)
        self.key = nn.Sequential(nn.Linear(4 * hidden, hidden), nn.Tanh())
        self.length = nn.Parameter(torch.zeros(LONGEST_PHRASE, hidden))
        self.step = nn.Parameter(torch.randn(hops, hidden) / hidden**0.5)
        self.again = nn.Parameter(torch.ones(hops))
        self.salience = nn.Parameter(torch.ones(hops))
        self.said, self.meant, self.turned = (Shift(width, hidden) for _ in range(3))
        self.against = nn.Parameter(torch.tensor(-2.0))
        self.sharpness = nn.Parameter(torch.tensor(SHARPNESS).log())
        self.count = nn.Linear(2 * hidden, hops)
        self.gate = nn.Linear(2 * hidden, features) if features else None
        self.drop = nn.Dropout(dropout / 2)
        self.register_buffer("relations", relations)

    def read(self, batch: Batch) -> Read:
        """What each question of a batch asks for."""
        states, whole = self.reader(batch)
        alike = self._alike(batch.phrases)
        size = (batch.span[..., 1] - batch.span[..., 0]).clamp(0, LONGEST_PHRASE - 1)
        key = self.key(states_of_phrases(states, batch)) + self.length[size]
        place = torch.arange(states.shape[1])
        inside = (batch.span[..., :1] <= place) & (place <= batch.span[..., 1:])
        covers = inside.to(key.dtype)
        best = alike.amax(-1)
        used = torch.zeros_like(covers[:, 0])
        attention, ways = [], []
        meaning = (self.sharpness.exp() * alike + self._direction()).softmax(-1)
        for hop in range(self.hops):
            before = torch.einsum("bpl,bl->bp", covers, used) / covers.sum(-1).clamp_min(1)
            logits = key @ self.step[hop] + self.salience[hop] * best - self.again[hop] * before
            weight = logits.masked_fill(~batch.mask, -torch.inf).softmax(-1)
            used = used + torch.einsum("bp,bpl->bl", weight, covers)
            attention.append(weight)
            ways.append(torch.einsum("bp,bpw->bw", weight, meaning))
        return Read(
            torch.stack(attention, 1),
            torch.stack(ways, 1).clamp_min(TINY).log(),
            self.count(whole).log_softmax(-1),
            whole.new_zeros(len(whole), 0) if self.gate is None else self.gate(whole),
        )

    def _alike(self, phrases: Tensor) -> Tensor:
        """Cosine of phrases and relations, walked along and against, [B, P, 2R]."""
        said = normalize(self.said(self.drop(phrases)), dim=-1)
        return said @ self.vectors_of_ways().T

    def vectors_of_ways(self) -> Tensor:
        """Of relations walked along, then against, what phrases are compared with, [2R, D]."""
        both = torch.cat((self.meant(self.relations), self.turned(self.relations)))
        return normalize(both, dim=-1)

    def _direction(self) -> Tensor:
        """What counts against walking from tail to head, [2R]."""
        many = len(self.relations)
        return torch.cat((self.against.new_zeros(many), self.against.expand(many)))

    def forward(self, batch: Batch, areas: Areas) -> Tensor:
        """Log-probability of each node in reach, [M]; those of a question add up to 1."""
        return self.walk(self.read(batch), areas)

    def walk(self, read: Read, areas: Areas) -> Tensor:
        """The same of questions that were read."""
        mass = torch.zeros(areas.owner.numel()).index_fill(0, areas.topic, 1.0)
        total = torch.zeros_like(mass)
        for hop, (source, way, target, owner) in enumerate(areas.hops):
            passed = mass[source] * read.ways[owner, hop, way].exp()
            mass = torch.zeros_like(mass).index_add(0, target, passed)
            total = total + mass * read.count[areas.owner, hop].exp()
        scores = total.clamp_min(TINY).log()
        if self.gate is not None:
            scores = scores + (areas.distance * read.gate[areas.owner]).sum(-1)
        # What no walk of the right length reaches is no answer, however near it is.
        scores = scores.masked_fill(total <= 0, -torch.inf)
        return scores - _log_sum(scores, areas.owner, len(read.count))[areas.owner]


def _log_sum(scores: Tensor, owner: Tensor, size: int) -> Tensor:
    """Logarithm of the sum of the exponentials of each question's scores, [B]."""
    most = scores.new_full((size,), -torch.inf).scatter_reduce(0, owner, scores, "amax").detach()
    most = most.nan_to_num(neginf=0.0)
    total = torch.zeros_like(most).index_add(0, owner, (scores - most[owner]).exp())
    return most + total.clamp_min(TINY).log()


def best_walk(read: Read, area: Area, answer: int) -> tuple[list[tuple[int, int, int]], float]:
    """The likeliest walk from a topic to an answer.

    Args:
        read: One question.
        area: Its area.
        answer: The answer's place in ``area.nodes``.

    Returns:
        Steps (source, way, target) as places in ``area.nodes``, and the walk's log-score.
    """
    ways, count = read.ways[0].numpy(), read.count[0].numpy()
    best = np.full(area.nodes.size, -np.inf)
    best[0] = 0.0
    came: list[np.ndarray] = []
    ends = []
    for hop, steps in enumerate(area.hops):
        score = best[steps.source] + ways[hop, steps.way]
        # By target, the best of each last; what is written last stays.
        order = np.lexsort((score, steps.target))
        best, taken = np.full(area.nodes.size, -np.inf), np.full(area.nodes.size, -1)
        best[steps.target[order]], taken[steps.target[order]] = score[order], order
        came.append(taken)
        ends.append(best[answer] + count[hop])
    last = int(np.argmax(ends))
    if not np.isfinite(ends[last]):
        return [], -np.inf
    walk, node = [], answer
    for hop in range(last, -1, -1):
        steps, at = area.hops[hop], int(came[hop][node])
        walk.append((int(steps.source[at]), int(steps.way[at]), node))
        node = int(steps.source[at])
    return walk[::-1], float(ends[last])
