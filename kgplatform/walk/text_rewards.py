"""What an answer's text is worth: accuracy, grounding and fluency, each for itself.

The total is what training climbs; accuracy without fluency is always beside it.
"""

from __future__ import annotations

import dataclasses
import re
import string
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kgplatform.errors import InputError, UsageError
from kgplatform.walk.generate import Entities, Step
from kgplatform.walk.language_model import LanguageModel

LEAST_RANGE = 1e-3
"""Least range of fluency, in mean log-probability: one text read twice differs by rounding."""

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


@dataclass(frozen=True)
class Told:
    """What a text answers.

    Attributes:
        question: The question.
        answers: Names of the entities that are right.
        steps: The path whose facts the text may tell.
    """

    question: str
    answers: tuple[str, ...]
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class RewardWeights:
    """What each term of a reward counts; 0 leaves it out.

    Attributes:
        exact_match: Of a text that names right answers and no wrong one.
        entity_f1: Of the answers that it names.
        grounding: Of the entities that it names being on the path.
        fluency: Of language, if the answer is right.
    """

    exact_match: float = 1.0
    entity_f1: float = 0.5
    grounding: float = 0.25
    fluency: float = 0.25

    def __post_init__(self) -> None:
        values = dataclasses.astuple(self)
        if min(values) < 0 or not sum(values):
            raise UsageError(
                f"weights of rewards are {values}", hint="none is negative, and one is above 0"
            )


@dataclass(frozen=True)
class Reward:
    """A text's reward, term by term, each 0 to 1.

    Attributes:
        exact_match: 1 if it names right answers and no wrong one.
        entity_f1: F1 of the answers that it names.
        grounding: Share of the entities in it that lie on the path; 0 if it names none.
        fluency: Of language, 0 unless the answer is right; None if nobody judges it.
        accuracy: Weighted sum of the first two.
        total: Weighted sum of all.
    """

    exact_match: float
    entity_f1: float
    grounding: float
    fluency: float | None
    accuracy: float
    total: float


@dataclass(frozen=True, eq=False)
class FluencyJudge:
    """A frozen model, and how likely it finds texts that people wrote.

    The mean log-probability of a token, so that length is no merit, clipped to that range: a text
    that is likelier than people's is no better than theirs. Repetitions are (Holtzman et al. 2020,
    "The Curious Case of Neural Text Degeneration").

    Attributes:
        model: The judge; never the model that is trained.
        low: Mean log-probability that counts 0.
        high: That counts 1, as does everything above.
    """

    model: LanguageModel
    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.high - self.low > LEAST_RANGE:
            raise UsageError(
                f"the range of fluency is {self.low:.3f} to {self.high:.3f}",
                hint="give more reference texts, of more than one kind",
            )

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        """Fluency of texts, float64 [N], 0 to 1."""
        mean = self.model.likelihood(texts).mean
        return np.asarray((mean.clip(self.low, self.high) - self.low) / (self.high - self.low))


def fluency_judge(
    model: LanguageModel, references: Sequence[str], tails: float = 0.05
) -> FluencyJudge:
    """A judge with the range of reference texts.

    Args:
        model: The judge.
        references: What people wrote, of the length and kind that is judged.
        tails: Share of references left out at each end of the range, so that no single one is it.

    Raises:
        InputError: There are too few.
    """
    mean = model.likelihood(references).mean
    mean = mean[np.isfinite(mean)]
    if len(mean) < 2:
        raise InputError("no range of fluency without reference texts", hint="give some")
    low, high = np.quantile(mean, (tails, 1 - tails))
    return FluencyJudge(model, float(low), float(high))


class Rewarder:
    """Gives texts their rewards.

    Args:
        entities: Names to be found in texts.
        weights: What each term counts.
        judge: Of fluency; None: nobody judges it, and it counts nothing.
    """

    def __init__(
        self,
        entities: Entities,
        weights: RewardWeights | None = None,
        judge: FluencyJudge | None = None,
    ) -> None:
        self.entities = entities
        self.weights = weights or RewardWeights()
        self.judge = judge

    def __call__(self, texts: Sequence[str], asked: Sequence[Told]) -> list[Reward]:
        """The rewards of texts, one for each question.

        Raises:
            InputError: A right answer is not among the names to be found.
        """
        judged = [self._judged(*pair) for pair in zip(texts, asked, strict=True)]
        fluency: dict[int, float] = {}
        right = [at for at, terms in enumerate(judged) if terms[0]]
        if self.judge is not None:
            values = self.judge([texts[at] for at in right]) if right else np.zeros(0)
            fluency = dict.fromkeys(range(len(texts)), 0.0) | dict(
                zip(right, values.tolist(), strict=True)
            )
        return [self._reward(*terms, fluency.get(at)) for at, terms in enumerate(judged)]

    def _reward(self, exact: float, f1: float, grounding: float, fluency: float | None) -> Reward:
        weights = self.weights
        accuracy = weights.exact_match * exact + weights.entity_f1 * f1
        other = weights.grounding * grounding + weights.fluency * (fluency or 0.0)
        return Reward(exact, f1, grounding, fluency, accuracy, accuracy + other)

    def _judged(self, text: str, asked: Told) -> tuple[float, float, float]:
        """Exact match, F1 and grounding of a text."""
        answers = frozenset(asked.answers)
        if unknown := [name for name in asked.answers if name not in self.entities]:
            raise InputError(
                f"the answer {unknown[0]!r} is not among the names to be found in texts",
                hint="make Entities of the graph's names and all answers",
            )
        named = self.entities.named_in(text)
        path = {name for step in asked.steps for name in (step.head, step.tail)}
        grounding = _share(bool(each & path) for each in named)
        # What the question names already is no answer, unless it is one.
        given = {each for each in self.entities.named_in(asked.question) if not each & answers}
        found = [each for each in named if each not in given]
        right = sum(bool(each & answers) for each in found)
        if not right:
            # One whose marks the text leaves out is not found as a name.
            same = float(normalised(text) in {normalised(name) for name in answers})
            return same, same * 2 / (1 + len(answers)), grounding
        told = sum(any(name in each for each in found) for name in answers)
        precision, recall = right / len(found), told / len(answers)
        return float(right == len(found)), 2 * precision * recall / (precision + recall), grounding


def normalised(text: str) -> str:
    """A text as SQuAD compares answers: small letters, no articles, marks or double spaces.

    Rajpurkar et al. 2016, "SQuAD: 100,000+ Questions for Machine Comprehension of Text".
    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def means(rewards: Sequence[Reward]) -> Mapping[str, float]:
    """Mean of each term that was judged, of accuracy and of the total, by name."""
    if not rewards:
        raise InputError("there are no rewards to take the mean of", hint="judge some texts")
    found = {}
    for field in dataclasses.fields(Reward):
        values = [getattr(reward, field.name) for reward in rewards]
        if None not in values:
            found[field.name] = float(np.mean(values))
    return found


def _share(values: Iterable[bool]) -> float:
    kept = list(values)
    return sum(kept) / len(kept) if kept else 0.0
