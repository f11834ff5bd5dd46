"""Beam search: the likeliest walks of many questions at once, and what they say of the answers."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from kgplatform.walk.env import Asked, State, Walks
from kgplatform.walk.learner import Chooser

WALKS_AT_ONCE = 1 << 14
"""Walks that are scored together."""


@dataclass(frozen=True, eq=False)
class Beams:
    """The likeliest walks of B questions, K each, the likeliest first.

    Attributes:
        log_prob: -inf where there are fewer than K, float32 [B, K].
        relation: Relations of the steps, int64 [B, K, steps].
        entity: Entities that they lead to, int64 [B, K, steps].
        ends: The logarithm of each entity's probability as an end, -inf where no walk ends,
            float64 [B, N].
    """

    log_prob: Tensor
    relation: Tensor
    entity: Tensor
    ends: Tensor

    @property
    def end(self) -> Tensor:
        """Where each walk ends, int64 [B, K]."""
        return self.entity[..., -1]


@torch.no_grad()
def beam_search(
    chooser: Chooser, walks: Walks, asked: Asked, size: int, *, to: int | None = None
) -> Beams:
    """The likeliest walks, and where walks end.

    The last step is cut to the beam for the walks alone: ends are added up over all that can be
    done from the beam before. In dense graphs a few ends have so many ways that they would fill
    the beam, and an answer with one way would count as unreached.

    Args:
        chooser: Its policy, and how scores become probabilities.
        walks: The graph.
        asked: Questions, [B].
        size: Walks that are kept of each question, K.
        to: Keep walks that end at this entity alone; ``ends`` is the same.
    """
    policy = chooser.policy
    question = policy.question(asked)
    state, memory = walks.begin(asked), policy.remember_start(asked.start)
    rows = len(asked)
    total = question.new_zeros(rows, 1)
    steps: list[Tensor] = []
    ends = total
    for number in range(walks.steps):
        actions = walks.actions(asked, state)
        scores = policy.scores(question[state.row], memory, state.at, actions)
        logs = chooser.log_policy(scores)
        width = logs.shape[1]
        # A beam that does not exist (-inf) stays one: its actions are never likelier.
        every = (total.flatten().unsqueeze(1) + logs).view(rows, -1)
        if number == walks.steps - 1:
            targets = actions.target.view(rows, -1)
            ends = merged(every, targets, walks.table.num_entities)
            if to is not None:
                every = every.masked_fill(targets != to, -torch.inf)
        total, place = every.topk(min(size, every.shape[1]), dim=1)
        beam, choice = place // width, place % width
        # The walk that goes on: beam j of question b is row b · beams + j.
        before = beam + torch.arange(rows, device=beam.device).unsqueeze(1) * (len(logs) // rows)
        before, choice = before.flatten(), choice.flatten()
        relation, target = actions.relation[before, choice], actions.target[before, choice]
        steps = [step[before] for step in steps]
        steps.append(torch.stack((relation, target)).T)
        state = State(state.row[before], target, number + 1)
        if number < walks.steps - 1:
            memory = policy.remember(memory[before], relation, target)
    taken = torch.stack(steps, dim=1).view(rows, -1, walks.steps, 2)
    return Beams(total, taken[..., 0], taken[..., 1], ends)


def merged(logs: Tensor, ends: Tensor, num_entities: int) -> Tensor:
    """The logarithm of the summed probability of walks by their end, -inf where there is none.

    Args:
        logs: Of walks, [B, K].
        ends: Where they end, int64 [B, K].
        num_entities: N.

    Returns:
        float64 [B, N].
    """
    most = logs.max(1, keepdim=True).values
    share = (logs - most).exp().double()
    total = torch.zeros(len(logs), num_entities, dtype=torch.float64, device=logs.device)
    return total.scatter_add_(1, ends, share).log() + most


def questions_at_once(size: int) -> int:
    """Questions whose beams are scored together."""
    return max(1, WALKS_AT_ONCE // size)
