"""The environment of walks: thousands of them a step, as tensors, without a loop over walks.

Nothing here is random and nothing changes in place: a policy chooses, :func:`step` gives the next
state. What a walk may not use in training, the fact that it is asked for, is masked here.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from kgplatform.walk.graph import ActionTable

NOTHING = -1
"""In place of a relation: the question is a text. In place of a target: it is not known."""


@dataclass(frozen=True, eq=False)
class Asked:
    """Questions to walk for.

    Attributes:
        start: The entity where each walk begins, int64 [B].
        relation: Directed relation that is asked for, or -1 with a question in words, int64 [B].
        text: Row of the question's vector, or -1 with a relation, int64 [B].
        target: The one entity that a training fact has as its answer, or -1, int64 [B]. The fact
            (start, relation, target) and its inverse are then masked.
        answers: Where a walk is to end, bool [B, N].
        hidden: Where no walk may end: other known answers, and the start of a relation that
            training knows no entity to have to itself, bool [B, N].
        number: Which question of the whole set each is, int64 [B].
    """

    start: Tensor
    relation: Tensor
    text: Tensor
    target: Tensor
    answers: Tensor
    hidden: Tensor
    number: Tensor

    def __len__(self) -> int:
        return len(self.start)


@dataclass(frozen=True, eq=False)
class State:
    """Where walks stand.

    Attributes:
        row: The question of each, a place in ``Asked``, int64 [W].
        at: The entity, int64 [W].
        done: Steps taken, of all walks the same.
    """

    row: Tensor
    at: Tensor
    done: int


@dataclass(frozen=True, eq=False)
class Actions:
    """What can be done from some states, padded to the most that one of them has.

    Attributes:
        relation: int64 [W, A].
        target: int64 [W, A].
        allowed: bool [W, A], at least one a row.
    """

    relation: Tensor
    target: Tensor
    allowed: Tensor

    def repeated(self, times: int) -> Actions:
        """Each row several times, side by side, [W · times, A]."""
        columns = (self.relation, self.target, self.allowed)
        return Actions(*(column.repeat_interleave(times, 0) for column in columns))


@dataclass(frozen=True)
class Walks:
    """A graph to walk on, and for how long.

    Attributes:
        table: The actions.
        steps: Steps of a walk; one that has arrived stays.
    """

    table: ActionTable
    steps: int

    def begin(self, asked: Asked) -> State:
        """One walk a question."""
        return State(torch.arange(len(asked), device=asked.start.device), asked.start, 0)

    def actions(self, asked: Asked, state: State) -> Actions:
        """What can be done next."""
        return self.actions_at(asked, state, last=state.done == self.steps - 1)

    def actions_at(self, asked: Asked, state: State, *, last: bool) -> Actions:
        """What can be done if the next step is the last, or if it is not."""
        table = self.table
        count = table.count[state.at]
        place = torch.arange(int(count.max()), device=count.device)
        allowed = place < count.unsqueeze(1)
        index = (table.first[state.at].unsqueeze(1) + place).clamp_max(len(table.target) - 1)
        relation, target = table.relation[index], table.target[index]
        self._forbid_own(asked, state, relation, target, allowed)
        if last:
            ends = asked.hidden[state.row.unsqueeze(1), target]
            allowed = allowed & ~ends
            # Nowhere to go: the walk stays, and is not rewarded.
            stuck = ~allowed.any(1)
            allowed = torch.cat((allowed[:, :1] | stuck.unsqueeze(1), allowed[:, 1:]), dim=1)
        return Actions(relation, target, allowed)

    def step(self, state: State, actions: Actions, choice: Tensor) -> State:
        """The states after one action each, a place in ``actions``, int64 [W, 1]."""
        at = actions.target.gather(1, choice).squeeze(1)
        return State(state.row, at, state.done + 1)

    def arrived(self, asked: Asked, state: State) -> Tensor:
        """Whether each walk stands at an answer, bool [W]."""
        return asked.answers[state.row, state.at]

    def _forbid_own(
        self, asked: Asked, state: State, relation: Tensor, target: Tensor, allowed: Tensor
    ) -> None:
        """Take the fact that is asked for, and its inverse, out of ``allowed`` [W, A]."""
        start, goal = asked.start[state.row], asked.target[state.row]
        # At its two ends alone: most walks are elsewhere.
        here = ((goal >= 0) & ((state.at == start) | (state.at == goal))).nonzero().squeeze(1)
        at, start, goal = (of[here].unsqueeze(1) for of in (state.at, start, goal))
        wanted = asked.relation[state.row[here]].unsqueeze(1)
        step, end = relation[here], target[here]
        own = (at == start) & (step == wanted) & (end == goal)
        own |= (at == goal) & (step == self.table.inverse(wanted)) & (end == start)
        allowed[here] &= ~own


def repeated(state: State, times: int) -> State:
    """Each walk several times, side by side, [W · times]."""
    return State(state.row.repeat_interleave(times), state.at.repeat_interleave(times), state.done)
