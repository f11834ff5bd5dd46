"""What chooses the next step: a network that reads the question and the way so far.

After MINERVA (Das et al. 2018, "Go for a Walk and Arrive at the Answer") and MultiHopKG (Lin et
al. 2018): an LSTM reads the steps taken, and an action is scored by the vectors of its relation and
of the entity that it leads to, so that a graph may have any number of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from kgplatform.walk.env import Actions, Asked

DENSE = 8
"""With at most this many entities an action, all entities are scored by one matrix product and
the actions' scores picked out: faster than to fetch a vector an action."""


@dataclass(frozen=True, eq=False)
class Memory:
    """What walks remember.

    Attributes:
        hidden: Output of the LSTM, float32 [W, H].
        cell: Its inner state, float32 [W, H].
    """

    hidden: Tensor
    cell: Tensor

    def __getitem__(self, rows: Tensor) -> Memory:
        return Memory(self.hidden[rows], self.cell[rows])

    def repeated(self, times: int) -> Memory:
        """Each row several times, side by side."""
        return Memory(
            self.hidden.repeat_interleave(times, 0), self.cell.repeat_interleave(times, 0)
        )


class Policy(nn.Module):
    """Scores of actions.

    Args:
        num_entities: N.
        num_relations: R; the table of relations has 2R + 2 rows (``ActionTable``).
        width: Length of the vectors of entities and relations, d.
        hidden: Length of what the LSTM remembers, H.
        dropout: Share of numbers set to zero in training.
        texts: Vectors of questions in words, float32 [T, D]; None if there are none.
    """

    texts: Tensor

    def __init__(
        self,
        num_entities: int,
        num_relations: int,
        *,
        width: int,
        hidden: int,
        dropout: float,
        texts: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.begin = 2 * num_relations + 1
        self.dropout = dropout
        self.entity = nn.Parameter(torch.empty(num_entities, width))
        self.relation = nn.Parameter(torch.empty(2 * num_relations + 2, width))
        nn.init.xavier_normal_(self.entity)
        nn.init.xavier_normal_(self.relation)
        self.lstm = nn.LSTMCell(2 * width, hidden)
        self.first = nn.Linear(2 * width + hidden, 2 * width)
        self.second = nn.Linear(2 * width, 2 * width)
        self.read = None if texts is None else nn.Linear(texts.shape[1], width)
        if texts is not None:
            # Made again from the questions, so not kept with the weights.
            self.register_buffer("texts", texts, persistent=False)

    def question(self, asked: Asked) -> Tensor:
        """Vectors of questions, [B, d]: of the relation, or read from the text's."""
        by_relation = self.relation[asked.relation.clamp_min(0)]
        if self.read is None:
            return by_relation
        by_text = self.read(self.texts[asked.text.clamp_min(0)])
        return torch.where((asked.text >= 0).unsqueeze(1), by_text, by_relation)

    def remember_start(self, start: Tensor) -> Memory:
        """The memory of walks that begin at some entities, [W]."""
        empty = self.entity.new_zeros(len(start), self.lstm.hidden_size)
        relation = torch.full_like(start, self.begin)
        return self.remember(Memory(empty, empty), relation, start)

    def remember(
        self, memory: Memory, relation: Tensor, entity: Tensor, drop: Dropout | None = None
    ) -> Memory:
        """The memory after one more step each, [W] relations and the entities that they led to."""
        step = torch.cat((self.relation[relation], self.entity[entity]), dim=1)
        hidden, cell = self.lstm(step if drop is None else drop(step), (memory.hidden, memory.cell))
        return Memory(hidden, cell)

    def scores(
        self,
        question: Tensor,
        memory: Memory,
        at: Tensor,
        actions: Actions,
        drop: Dropout | None = None,
    ) -> Tensor:
        """Of each action, -inf where it is not allowed, [W, A].

        Args:
            question: Of each walk, [W, d].
            memory: Of each walk.
            at: Where each stands, [W].
            actions: What each can do.
            drop: In training, what sets numbers to zero.
        """
        state = torch.cat((self.entity[at], memory.hidden, question), dim=1)
        inner = torch.relu(self.first(state if drop is None else drop(state)))
        wanted = self.second(inner if drop is None else drop(inner))
        relation, entity = wanted.chunk(2, dim=1)
        by_relation: Tensor = relation @ self.relation.T
        by_relation = by_relation.gather(1, actions.relation)
        scores = by_relation + self._by_entity(entity, actions.target)
        return scores.masked_fill(~actions.allowed, -torch.inf)

    def _by_entity(self, wanted: Tensor, target: Tensor) -> Tensor:
        if len(self.entity) <= DENSE * target.shape[1]:
            every: Tensor = wanted @ self.entity.T
            return every.gather(1, target)
        vectors: Tensor = self.entity[target]
        return torch.bmm(vectors, wanted.unsqueeze(2)).squeeze(2)


class Dropout:
    """Dropout by a generator of its own, so that a resumed training repeats it.

    Args:
        share: Of numbers that become zero.
        generator: On the device of the vectors.
    """

    def __init__(self, share: float, generator: torch.Generator) -> None:
        self.share, self.generator = share, generator

    def __call__(self, vectors: Tensor) -> Tensor:
        """The vectors with a share of their numbers zero and the others larger by as much."""
        if not self.share:
            return vectors
        drawn = torch.rand(vectors.shape, generator=self.generator, device=vectors.device)
        return vectors * (drawn >= self.share) / (1 - self.share)
