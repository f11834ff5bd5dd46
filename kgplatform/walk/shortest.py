"""Shortest ways to the answers, drawn at random, for a policy to begin by imitating.

The ways are those of the masked graph: the fact that is asked for is no part of one.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from kgplatform.walk.env import Actions, Asked, State, Walks
from kgplatform.walk.graph import ActionTable
from kgplatform.walk.rollout import Paths


@dataclass(frozen=True, eq=False)
class WalkCounts:
    """How many walks there are.

    Attributes:
        left: ``left[k, b, v]``: walks of exactly k moving steps from entity v to an answer of
            question b, its masked facts left out at every step; float32 [steps + 1, B, N].
    """

    left: Tensor

    def length(self, start: Tensor) -> Tensor:
        """Moving steps of the shortest walk from each question's start, -1 without one, [B]."""
        here = self.left[:, torch.arange(len(start), device=start.device), start] > 0
        return torch.where(here.any(0), here.int().argmax(0), -1)


def adjacency(table: ActionTable) -> Tensor:
    """How many actions lead from one entity to another, without those that stay; sparse [N, N]."""
    moves = table.relation != table.stay
    source = torch.repeat_interleave(
        torch.arange(table.num_entities, device=table.device), table.count
    )
    place = torch.stack((source[moves], table.target[moves]))
    ones = torch.ones(place.shape[1], device=table.device)
    shape = (table.num_entities, table.num_entities)
    return torch.sparse_coo_tensor(place, ones, shape, check_invariants=True).coalesce()


@torch.no_grad()
def count_walks(walks: Walks, matrix: Tensor, asked: Asked) -> WalkCounts:
    """Count the walks to the answers from everywhere.

    Args:
        walks: The graph.
        matrix: Its :func:`adjacency`.
        asked: Questions; of a training fact, the fact and its inverse are left out.
    """
    left = [asked.answers.float()]
    masked = (asked.target >= 0).nonzero().squeeze(1)
    for _ in range(walks.steps):
        counts = torch.sparse.mm(matrix, left[-1].T).T.contiguous()
        for ends in (asked.start, asked.target):
            # Only at its two ends does a masked fact change what can be done.
            state = State(masked, ends[masked], 0)
            if len(masked):
                counts[masked, state.at] = _onward(walks, asked, state, left[-1]).sum(1)
        left.append(counts)
    return WalkCounts(torch.stack(left))


@torch.no_grad()
def draw_shortest(
    walks: Walks, asked: Asked, counts: WalkCounts, generator: torch.Generator
) -> tuple[Tensor, Paths]:
    """One of the shortest walks of each question, every one as likely as another.

    Returns:
        Whether there is one, bool [B]; and the walks, which stay where they have arrived.
    """
    remaining = counts.length(asked.start)
    found = remaining >= 0
    state = walks.begin(asked)
    steps: list[Tensor] = []
    for _ in range(walks.steps):
        actions = walks.actions(asked, state)
        before = counts.left[(remaining - 1).clamp_min(0), state.row]
        weight = _weights(walks, actions, before)
        # The first action stays: it alone is left where a walk has arrived, or cannot.
        stays = (remaining <= 0) | ~found
        weight.masked_fill_(stays.unsqueeze(1), 0)
        weight[:, 0] = stays.float()
        choice = torch.multinomial(weight, 1, generator=generator)
        state = walks.step(state, actions, choice)
        steps += [actions.relation.gather(1, choice).squeeze(1), state.at]
        remaining = remaining - 1
    return found, Paths(torch.stack(steps[::2], dim=1), torch.stack(steps[1::2], dim=1))


def _onward(walks: Walks, asked: Asked, state: State, before: Tensor) -> Tensor:
    """Walks that go on by each action, where ``before`` [B, N] has those of one step less."""
    actions = walks.actions_at(asked, state, last=False)
    return _weights(walks, actions, before[state.row])


def _weights(walks: Walks, actions: Actions, before: Tensor) -> Tensor:
    """Walks by the action that they begin with, [W, A]; ``before`` is of each state, [W, N]."""
    moves = actions.allowed & (actions.relation != walks.table.stay)
    return before.gather(1, actions.target) * moves
