"""Q-learning: what a step will bring is learnt from walks that are remembered.

Double DQN (van Hasselt et al. 2016): the network chooses the best next action, a copy of it that
lags behind says what that is worth. Forbidden actions are masked in both. As returns lie between 0
and 1, a score is the log-odds of the return and the loss is cross-entropy (as in QT-Opt,
Kalashnikov et al. 2018). A walk that missed is a hit for another question if some training fact
joins its ends: hindsight (Andrychowicz et al. 2017).
"""

from __future__ import annotations

import copy
import dataclasses

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from kgplatform.walk.env import Asked, Walks
from kgplatform.walk.policy import Dropout, Policy
from kgplatform.walk.queries import KnownEnds, Queries, asked_of
from kgplatform.walk.reward import Reward
from kgplatform.walk.rollout import Drawing, Followed, Paths, draw, follow
from kgplatform.walk.settings import WalkerSettings

LAST_EXPLORATION = 0.1
"""Of the exploration at the start, what is left at the end."""


class QLearning(nn.Module):
    """A network of action values, its lagging copy, and what was walked.

    Args:
        policy: What is trained.
        settings: Exploration, returns, replay, hindsight.
        queries: All questions of training, in the order that ``Asked.number`` counts.
        known: Training facts.
        steps: Of a walk.
    """

    walked: Tensor
    relations: Tensor
    entities: Tensor
    written: Tensor
    taken: Tensor

    def __init__(
        self,
        policy: Policy,
        settings: WalkerSettings,
        queries: Queries,
        known: KnownEnds,
        steps: int,
    ) -> None:
        super().__init__()
        self.policy = policy
        self.lagging = copy.deepcopy(policy).requires_grad_(False)
        self.settings = settings
        self.queries, self.known = queries, known
        size = settings.replay
        self.register_buffer("walked", torch.zeros(size, dtype=torch.int64))
        self.register_buffer("relations", torch.zeros(size, steps, dtype=torch.int32))
        self.register_buffer("entities", torch.zeros(size, steps, dtype=torch.int32))
        self.register_buffer("written", torch.zeros((), dtype=torch.int64))
        self.register_buffer("taken", torch.zeros((), dtype=torch.int64))
        self._pairs, self._joining = _relations_of_pairs(known)

    def loss(
        self,
        walks: Walks,
        asked: Asked,
        reward: Reward,
        done: float,
        generator: torch.Generator,
    ) -> tuple[Tensor, dict[str, float]]:
        """Walk and remember; the loss of as many walks drawn from memory, and what to log."""
        settings = self.settings
        explored = settings.exploration * LAST_EXPLORATION**done
        how = Drawing(settings.temperature, exploration=explored)
        with torch.no_grad():
            rollout = draw(self.policy, walks, asked, settings.rollouts, generator, how)
        hits = walks.arrived(asked, rollout.end).float()
        self._remember(asked.number[rollout.end.row], rollout.paths)
        held = min(int(self.written), len(self.walked))
        place = torch.randint(held, (len(hits),), generator=generator, device=hits.device)
        loss = self._loss_of(walks, place, reward, generator)
        return loss, {"hits": float(hits.mean())}

    def stepped(self) -> None:
        """Count the step; now and then, bring the lagging copy up to date."""
        self.taken += 1
        if int(self.taken) % self.settings.target_every == 0:
            self.lagging.load_state_dict(self.policy.state_dict())

    def log_policy(self, scores: Tensor) -> Tensor:
        """Log-probabilities of actions: the likelier, the more they are worth, [W, A]."""
        return torch.log_softmax(scores / self.settings.temperature, dim=1)

    def _remember(self, numbers: Tensor, paths: Paths) -> None:
        """Put walks in the place of the oldest."""
        size = len(self.walked)
        numbers, paths = numbers[-size:], Paths(paths.relation[-size:], paths.entity[-size:])
        ahead = torch.arange(len(numbers), device=numbers.device)
        place = (int(self.written) + ahead) % size
        self.walked[place] = numbers
        self.relations[place] = paths.relation.int()
        self.entities[place] = paths.entity.int()
        self.written += len(numbers)

    def _loss_of(
        self, walks: Walks, place: Tensor, reward: Reward, generator: torch.Generator
    ) -> Tensor:
        """The loss of remembered walks, [W] places."""
        paths = Paths(self.relations[place].long(), self.entities[place].long())
        end = paths.end
        queries = self.queries[self.walked[place].to(self.queries.start.device)]
        queries = self._in_hindsight(queries, end.to(queries.start.device), generator)
        asked = asked_of(queries, self.known, training=True)
        hits = asked.answers.gather(1, end.unsqueeze(1)).float()
        gained = reward(asked, paths, hits).squeeze(1)
        drop = Dropout(self.policy.dropout, generator)
        online = follow(self.policy, walks, asked, paths, drop)
        with torch.no_grad():
            lagging = follow(self.lagging, walks, asked, paths, None)
        # Asked another question, a walk may have used what is masked now.
        usable = torch.stack([step.possible for step in online]).all(0)
        losses = []
        for number, step in enumerate(online):
            ahead = number + self.settings.return_steps
            goal = gained if ahead >= walks.steps else double(online[ahead], lagging[ahead])
            score = step.taken(step.scores)
            losses.append(binary_cross_entropy_with_logits(score[usable], goal[usable]))
        return torch.stack(losses).mean()

    def _in_hindsight(self, queries: Queries, end: Tensor, generator: torch.Generator) -> Queries:
        """Some of the questions that were missed become ones that the walks' ends [W] answer."""
        share = self.settings.hindsight
        key = queries.start * self.known.num_entities + end
        low = torch.searchsorted(self._pairs, key)
        high = torch.searchsorted(self._pairs, key, right=True)
        device = self.known.keys.device
        drawn = torch.rand(2, len(key), generator=generator, device=device).to(key.device)
        changed = (high > low) & (end != queries.target) & (queries.relation >= 0)
        changed &= drawn[0] < share
        # One of the relations that join them; a draw of almost 1 may round up.
        nth = torch.minimum((drawn[1] * (high - low)).long(), high - low - 1)
        relation = self._joining[(low + nth).clamp(0, len(self._joining) - 1)]
        own = len(queries.answers) + torch.arange(len(key), device=key.device)
        return dataclasses.replace(
            queries,
            relation=torch.where(changed, relation, queries.relation),
            target=torch.where(changed, end, queries.target),
            first=torch.where(changed, own, queries.first),
            count=torch.where(changed, 1, queries.count),
            answers=torch.cat((queries.answers, end)),
        )


def double(online: Followed, lagging: Followed) -> Tensor:
    """What a state is worth: the best action by one network, its worth by the other, [W]."""
    best = online.scores.detach().argmax(1, keepdim=True)
    return torch.sigmoid(lagging.scores.gather(1, best).squeeze(1))


def _relations_of_pairs(known: KnownEnds) -> tuple[Tensor, Tensor]:
    """Pairs start · N + end of training facts, sorted, and the directed relation of each."""
    entities, directed = known.num_entities, 2 * known.num_relations
    keys = known.keys.cpu()
    question, end = keys // entities, keys % entities
    pairs, relation = question // directed * entities + end, question % directed
    order = torch.argsort(pairs, stable=True)
    return pairs[order], relation[order]
