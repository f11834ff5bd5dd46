"""The last action: an agent that has stopped says the answer, and is rewarded for what it said.

A walk's reward is then its text's: accuracy, grounding and fluency (``text_rewards``) instead of
where it ended. A text depends on question and path alone, so each pair is written and judged once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import astuple

import torch
from torch import Tensor

from kgplatform.errors import TrainingError
from kgplatform.training.config import resolve_device
from kgplatform.walk.beam import beam_search, questions_at_once
from kgplatform.walk.env import Asked, Walks
from kgplatform.walk.generate import Entities, Step, template_answer, write_answers
from kgplatform.walk.language_model import LanguageModel, load_language_model
from kgplatform.walk.learner import Chooser
from kgplatform.walk.queries import KnownEnds, Queries, asked_of
from kgplatform.walk.rollout import Paths
from kgplatform.walk.settings import NOBODY, TEMPLATE, WalkerSettings
from kgplatform.walk.task import Task, Wording
from kgplatform.walk.text_rewards import (
    FluencyJudge,
    Reward,
    Rewarder,
    RewardWeights,
    Told,
    fluency_judge,
    means,
)

Say = Callable[[Sequence[Told], Sequence[str]], list[str]]
"""From questions with their paths, and the names where those begin: a text each."""

JUDGED = 500
"""Most questions by whose words the range of fluency is found: they are what people wrote."""


def copied(told: Sequence[Told], starts: Sequence[str]) -> list[str]:
    """The name at each path's end; of a path without steps where it began."""
    pairs = zip(told, starts, strict=True)
    return [each.steps[-1].end if each.steps else start for each, start in pairs]


def by_template(told: Sequence[Told], starts: Sequence[str]) -> list[str]:
    """A sentence by a template; of a path without steps the name where it began."""
    pairs = zip(told, starts, strict=True)
    return [template_answer(each.steps) if each.steps else f"{start}." for each, start in pairs]


def by_model(model: LanguageModel) -> Say:
    """What a language model writes from question and path, the likeliest token each time."""

    def say(told: Sequence[Told], starts: Sequence[str]) -> list[str]:  # noqa: ARG001
        return write_answers(model, [each.question for each in told], [each.steps for each in told])

    return say


def writer_of(settings: WalkerSettings) -> Say:
    """What the settings name: the template, or a language model."""
    if settings.writer == TEMPLATE:
        return by_template
    return by_model(load_language_model(settings.writer, resolve_device(settings.device)))


class Written:
    """Rewards of walks by the texts that are written of them.

    Args:
        task: Questions in words, with their wording.
        settings: Who writes, who judges, and what each term counts.

    Raises:
        TrainingError: The questions are not in words.
    """

    def __init__(self, task: Task, settings: WalkerSettings) -> None:
        if task.wording is None:
            raise TrainingError(
                "only questions in words are answered in words",
                hint="give --questions, or leave the setting writer out",
            )
        self.wording = task.wording
        self.inverse = task.snapshot.num_relations
        self.say = writer_of(settings)
        weights = RewardWeights(
            settings.exact_match, settings.entity_f1, settings.grounding, settings.fluency
        )
        self.most = sum(astuple(weights))
        self.rewarder = Rewarder(
            Entities(set(self.wording.names)), weights, _judge(self.wording, settings)
        )
        self._answers = _answers(task)
        self._kept: dict[tuple[int, tuple[Step, ...]], Reward] = {}
        self._since: list[Reward] = []

    def __call__(self, asked: Asked, paths: Paths, hits: Tensor) -> Tensor:
        """The total of each walk's text as a share of what it can be, [B, k]."""
        times = hits.shape[1]
        rows = asked.text.repeat_interleave(times).tolist()
        starts = asked.start.repeat_interleave(times).tolist()
        found = self.judged(rows, starts, paths)
        self._since += found
        totals = [each.total / self.most for each in found]
        return torch.tensor(totals, device=hits.device).view_as(hits)

    def logged(self) -> dict[str, float]:
        """The mean of each term since it was last asked for."""
        since, self._since = self._since, []
        return dict(means(since)) if since else {}

    def judged(self, rows: Sequence[int], starts: Sequence[int], paths: Paths) -> list[Reward]:
        """Rewards of walks: which question each answers, where it began, and what was done."""
        told = self.told(rows, starts, paths)
        keys = [(row, each.steps) for row, each in zip(rows, told, strict=True)]
        new = {key: at for at, key in enumerate(keys) if key not in self._kept}
        places = list(new.values())
        if places:
            asked = [told[at] for at in places]
            texts = self.say(asked, [self.wording.names[starts[at]] for at in places])
            self._kept |= zip(new, self.rewarder(texts, asked), strict=True)
        return [self._kept[key] for key in keys]

    def told(self, rows: Sequence[int], starts: Sequence[int], paths: Paths) -> list[Told]:
        """Walks in words."""
        walked = zip(rows, starts, paths.relation.tolist(), paths.entity.tolist(), strict=True)
        return [
            Told(
                self.wording.questions[row],
                self._answers[row],
                steps_of(self.wording, self.inverse, start, relations, entities),
            )
            for row, start, relations, entities in walked
        ]

    def compared(
        self, chooser: Chooser, walks: Walks, known: KnownEnds, queries: Queries, size: int
    ) -> dict[str, dict[str, float]]:
        """Mean rewards of the texts about the best answers: by the writer, and its baselines.

        Args:
            chooser: What walks.
            walks: The graph.
            known: Training facts.
            queries: Questions in words.
            size: Beams.
        """
        told: list[Told] = []
        starts: list[str] = []
        for rows in torch.split(torch.arange(len(queries)), questions_at_once(size)):
            asked = asked_of(queries[rows], known, training=False)
            paths = best_paths(chooser, walks, asked, size)
            told += self.told(asked.text.tolist(), asked.start.tolist(), paths)
            starts += [self.wording.names[start] for start in asked.start.tolist()]
        found = {}
        for name, say in (("writer", self.say), ("template", by_template), ("copy", copied)):
            found[name] = dict(means(self.rewarder(say(told, starts), told)))
        return found


def best_paths(chooser: Chooser, walks: Walks, asked: Asked, size: int) -> Paths:
    """Of each question the likeliest walk to its likeliest answer, [B]."""
    beams = beam_search(chooser, walks, asked, size)
    # The sums count walks beyond the beam, too; an answer needs one that is known whole.
    whole = torch.zeros_like(beams.ends)
    whole.scatter_add_(1, beams.end, torch.isfinite(beams.log_prob).to(whole.dtype))
    best = beams.ends.masked_fill(whole == 0, -torch.inf).argmax(1, keepdim=True)
    # Beams are sorted: the first that ends there is the likeliest.
    way = (beams.end == best).int().argmax(1)
    row = torch.arange(len(way), device=way.device)
    return Paths(beams.relation[row, way], beams.entity[row, way])


def steps_of(
    wording: Wording, inverse: int, start: int, relations: Sequence[int], entities: Sequence[int]
) -> tuple[Step, ...]:
    """A walk as facts in words, without the steps that stay.

    Args:
        wording: Names.
        inverse: R: relation q + R is q from tail to head.
        start: Where it begins.
        relations: Of its steps, 2R for one that stays.
        entities: Where they lead.
    """
    names, at, steps = wording.names, start, []
    for relation, entity in zip(relations, entities, strict=True):
        if relation < inverse:
            steps.append(Step(names[at], wording.relations[relation], names[entity]))
        elif relation < 2 * inverse:
            name = wording.relations[relation - inverse]
            steps.append(Step(names[entity], name, names[at], inverse=True))
        at = entity
    return tuple(steps)


def _judge(wording: Wording, settings: WalkerSettings) -> FluencyJudge | None:
    if settings.judge == NOBODY:
        return None
    model = load_language_model(settings.judge, resolve_device(settings.device))
    return fluency_judge(model, wording.questions[:JUDGED])


def _answers(task: Task) -> dict[int, tuple[str, ...]]:
    """Names of each question's answers, by the row of its vector."""
    assert task.wording is not None
    found: dict[int, list[str]] = {}
    for queries in task.questions.values():
        rows, ends = queries.pairs()
        for row, end in zip(queries.text[rows].tolist(), ends.tolist(), strict=True):
            found.setdefault(row, []).append(task.wording.names[end])
    return {row: tuple(names) for row, names in found.items()}
