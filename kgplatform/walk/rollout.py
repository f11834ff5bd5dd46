"""Walks of a policy, all of a batch at once: drawn from it, or followed where they are known."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from kgplatform.walk.env import Asked, State, Walks, repeated
from kgplatform.walk.policy import Dropout, Policy


@dataclass(frozen=True, eq=False)
class Paths:
    """Walks as what was done.

    Attributes:
        relation: Relations of the steps, int64 [W, steps].
        entity: Entities that they led to, int64 [W, steps].
    """

    relation: Tensor
    entity: Tensor

    @property
    def end(self) -> Tensor:
        """Where they end, int64 [W]."""
        return self.entity[:, -1]

    def __getitem__(self, rows: Tensor) -> Paths:
        return Paths(self.relation[rows], self.entity[rows])


@dataclass(frozen=True, eq=False)
class Rollout:
    """Walks of a batch of B questions, k each, side by side: W = B · k.

    Attributes:
        log_prob: Sum over its steps of the logarithm of what the policy gave the step, [W].
        likely: The share of the policy's choices that was left to draw from: the product over its
            steps, 1 without dropout of actions, [W].
        entropy: Mean entropy of the policy in the states that were visited, a scalar.
        end: Where each walk is in the end.
        paths: The walks.
    """

    log_prob: Tensor
    likely: Tensor
    entropy: Tensor
    end: State
    paths: Paths


@dataclass(frozen=True)
class Drawing:
    """How actions are drawn.

    Attributes:
        temperature: What scores are divided by.
        dropout: Share of actions that are taken away before one is drawn, so that other ways are
            tried, too (Lin et al. 2018, section 3.4).
        exploration: Share of actions drawn from all alike.
    """

    temperature: float = 1.0
    dropout: float = 0.0
    exploration: float = 0.0


def draw(
    policy: Policy,
    walks: Walks,
    asked: Asked,
    times: int,
    generator: torch.Generator,
    how: Drawing,
) -> Rollout:
    """Draw walks. All walks of a question share their first state, which is computed once.

    Args:
        policy: What chooses.
        walks: The graph.
        asked: Questions.
        times: Walks of each, k.
        generator: Of every random choice, on the questions' device.
        how: How actions are drawn.
    """
    drop = Dropout(policy.dropout, generator)
    question = policy.question(asked)
    state = walks.begin(asked)
    memory = policy.remember_start(state.at)
    log_probs: list[Tensor] = []
    entropies: list[Tensor] = []
    steps: list[Tensor] = []
    likely = question.new_ones(len(asked) * times)
    for number in range(walks.steps):
        actions = walks.actions(asked, state)
        scores = policy.scores(question[state.row], memory, state.at, actions, drop)
        logs = torch.log_softmax(scores / how.temperature, dim=1)
        entropies.append(entropy_of(logs).mean())
        if number == 0:
            state, memory = repeated(state, times), memory.repeated(times)
            logs = logs.repeat_interleave(times, 0)
            actions = actions.repeated(times)
        choice, left = drawn(logs.detach(), generator, how)
        choice, likely = choice.unsqueeze(1), likely * left
        log_probs.append(logs.gather(1, choice).squeeze(1))
        relation = actions.relation.gather(1, choice).squeeze(1)
        state = walks.step(state, actions, choice)
        steps += [relation, state.at]
        if number < walks.steps - 1:
            memory = policy.remember(memory, relation, state.at, drop)
    paths = Paths(torch.stack(steps[::2], dim=1), torch.stack(steps[1::2], dim=1))
    log_prob, entropy = torch.stack(log_probs).sum(0), torch.stack(entropies).mean()
    return Rollout(log_prob, likely, entropy, state, paths)


@dataclass(frozen=True, eq=False)
class Followed:
    """A step of walks that are known.

    Attributes:
        scores: Of all actions, [W, A].
        choice: Place of the action that was taken, int64 [W].
        possible: Whether it is allowed, bool [W].
    """

    scores: Tensor
    choice: Tensor
    possible: Tensor

    def taken(self, values: Tensor) -> Tensor:
        """Of values of all actions, [W, A], those of the actions that were taken, [W]."""
        return values.gather(1, self.choice.unsqueeze(1)).squeeze(1)


def follow(
    policy: Policy, walks: Walks, asked: Asked, paths: Paths, drop: Dropout | None
) -> list[Followed]:
    """What a policy says at each step of known walks, one a question.

    Args:
        policy: The policy.
        walks: The graph.
        asked: Questions, [W].
        paths: What was done.
        drop: In training.
    """
    question = policy.question(asked)
    state = walks.begin(asked)
    memory = policy.remember_start(state.at)
    found = []
    for number in range(walks.steps):
        actions = walks.actions(asked, state)
        scores = policy.scores(question, memory, state.at, actions, drop)
        relation, entity = paths.relation[:, number], paths.entity[:, number]
        same = actions.relation == relation.unsqueeze(1)
        same &= (actions.target == entity.unsqueeze(1)) & actions.allowed
        found.append(Followed(scores, same.int().argmax(1), same.any(1)))
        state = State(state.row, entity, number + 1)
        if number < walks.steps - 1:
            memory = policy.remember(memory, relation, entity, drop)
    return found


def drawn(logs: Tensor, generator: torch.Generator, how: Drawing) -> tuple[Tensor, Tensor]:
    """One action a row by its log-probability, [W, A].

    Returns:
        The action, int64 [W]; and how likely those are together that it was drawn from, [W].
    """
    chance = logs.exp()
    if how.exploration:
        alike = (logs != -torch.inf).float()
        alike = alike / alike.sum(1, keepdim=True)
        explores = torch.rand(len(logs), 1, generator=generator, device=logs.device)
        chance = torch.where(explores < how.exploration, alike, chance)
    if how.dropout:
        kept = torch.rand(logs.shape, generator=generator, device=logs.device) >= how.dropout
        left = chance * kept
        # Where nothing that could be drawn was kept, nothing is taken away.
        chance = torch.where(left.sum(1, keepdim=True) > 0, left, chance)
    reached = chance.cumsum(1)
    total = reached[:, -1:]
    # In (0, 1]: the first action whose sum reaches the drawn height has a chance of its own.
    height = 1 - torch.rand(len(logs), 1, generator=generator, device=logs.device)
    choice = (reached < height * total).sum(1)
    return choice, total.squeeze(1).clamp_max(1)


def entropy_of(logs: Tensor) -> Tensor:
    """Entropy of log-probabilities, -inf among them, [W, A] → [W]."""
    finite = logs.masked_fill(logs == -torch.inf, 0)
    # Where nothing is allowed 1 · 0 is added.
    return -(finite.exp() * finite).sum(1)
