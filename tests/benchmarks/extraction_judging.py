"""Judging the facts found in gold passages: fitted on some, applied to others.

A judge is fitted on candidates whose truth the annotation tells. The threshold is the highest one
at which, on passages held out in turn from the fit, a tenth of the right facts is lost at most.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from extraction_gold import Counts, End, Found, Passage, count, figures, judged, row_of

from kgplatform.facts.background import Background
from kgplatform.facts.features import GROUPS, features_of
from kgplatform.facts.fit_judge import Example, fit_judge
from kgplatform.facts.judge_model import Judge
from kgplatform.facts.records import CandidateFact, Evidence

LOSS = 0.1
"""The share of right facts that judgement may lose."""

FOLDS = 5
TRIED: Mapping[str, tuple[str, ...]] = {
    "by all": tuple(GROUPS),
    "by evidence and types": ("evidence", "types"),
    "by evidence alone": ("evidence",),
}
"""Groups of features that are tried; what is beside evidence and types is of the graph."""

Features = Sequence[Mapping[str, float]]
Place = tuple[int, str]
"""Number of a candidate, title of a passage that states it."""


@dataclass(frozen=True)
class Run:
    """Facts of the gold passages that reached resolution, and what stands behind them.

    Attributes:
        candidates: Each with evidence in a gold passage at least.
        background: The graph of the other summaries, without what the passages state, too.
    """

    candidates: Sequence[CandidateFact]
    background: Background


def evidence_in(candidate: CandidateFact, title: str) -> Evidence | None:
    """The surest statement of a candidate in a passage."""
    inside = [one for one in candidate.evidence if one.source == title]
    return max(inside, key=lambda one: one.confidence, default=None)


def statement(candidate: CandidateFact, passage: Passage) -> Found | None:
    """A candidate as the passage states it."""
    one = evidence_in(candidate, passage.title)
    if one is None or one.head is None or one.tail is None:
        return None
    head, tail = (End(passage.text[slice(*span)], span) for span in (one.head, one.tail))
    return Found(head, candidate.relation, tail, confidence=one.confidence)


def stated(run: Run, passages: Sequence[Passage]) -> dict[str, list[tuple[int, Found]]]:
    """Candidates of each passage by its title, with their numbers."""
    wanted = {passage.title: passage for passage in passages}
    found: dict[str, list[tuple[int, Found]]] = {title: [] for title in wanted}
    for number, candidate in enumerate(run.candidates):
        for title in {one.source for one in candidate.evidence} & set(wanted):
            said = statement(candidate, wanted[title])
            if said is not None:
                found[title].append((number, said))
    return found


def counts_of(
    run: Run, passages: Sequence[Passage], kept: Mapping[Place, bool] | None = None
) -> list[Counts]:
    """The candidates in each passage, all or those that are kept."""
    of_passage = stated(run, passages)
    return [
        count(
            [
                said
                for number, said in of_passage[passage.title]
                if kept is None or kept[number, passage.title]
            ],
            passage,
        )
        for passage in passages
    ]


@dataclass(frozen=True)
class Examples:
    """Candidates whose truth an annotation tells.

    Attributes:
        rows: What a judge is fitted on.
        places: Where each is from.
    """

    rows: list[Example]
    places: list[Place]

    @property
    def right(self) -> np.ndarray:
        """Whether each is true, bool [n]."""
        return np.array([example.true for example in self.rows], dtype=bool)


def examples_of(run: Run, passages: Sequence[Passage], features: Features) -> Examples:
    """The candidates in passages, but for optional facts and repetitions."""
    rows, places = [], []
    of_passage = stated(run, passages)
    for passage in passages:
        said = of_passage[passage.title]
        for (number, fact), right in zip(
            said, judged([fact for _, fact in said], passage), strict=True
        ):
            if right is not None:
                rows.append(Example(features[number], fact.relation, right))
                places.append((number, passage.title))
    return Examples(rows, places)


def chances_of(judge: Judge, features: Features, relations: Sequence[str]) -> np.ndarray:
    """Calibrated probabilities, [n]."""
    chances = []
    for row, relation in zip(features, relations, strict=True):
        part = judge.part_for(row)
        odds = part.contributions([row], [relation])[0].sum()
        chances.append(float(part.probability(np.array([odds]))[0]))
    return np.array(chances)


def folds_of(titles: Sequence[str]) -> dict[str, int]:
    """A fold for each passage."""
    order = np.random.default_rng(0).permutation(sorted(set(titles))).tolist()
    return {title: at % FOLDS for at, title in enumerate(order)}


def threshold(examples: Examples) -> float:
    """The highest at which a tenth of the right facts is lost, each judged by other passages."""
    fold = folds_of([title for _, title in examples.places])
    chances = np.empty(len(examples.rows))
    for at in range(FOLDS):
        out = [row for row, (_, title) in enumerate(examples.places) if fold[title] == at]
        rest = [
            example
            for example, (_, title) in zip(examples.rows, examples.places, strict=True)
            if fold[title] != at
        ]
        asked = [examples.rows[row] for row in out]
        judge = fit_judge(rest, "passages outside of a fold")
        chances[out] = chances_of(
            judge, [each.features for each in asked], [each.relation for each in asked]
        )
    ordered = np.sort(chances[examples.right])
    return float(ordered[int(LOSS * len(ordered))])


def decide(
    run: Run, learnt: Sequence[Passage], asked: Sequence[Passage], features: Features
) -> tuple[dict[Place, bool], dict[Place, float]]:
    """Which candidates of some passages are kept, by a judge of others; and their probabilities."""
    examples = examples_of(run, learnt, features)
    limit = threshold(examples)
    judge = fit_judge(examples.rows, "gold passages")
    chances: dict[Place, float] = {}
    for title, said in stated(run, asked).items():
        numbers = [number for number, _ in said]
        of_passage = chances_of(
            judge, [features[number] for number in numbers], [fact.relation for _, fact in said]
        )
        chances |= {
            (number, title): float(chance)
            for number, chance in zip(numbers, of_passage, strict=True)
        }
    return {place: chance >= limit for place, chance in chances.items()}, chances


def decide_across(
    run: Run, learnt: Sequence[Passage], asked: Sequence[Passage], features: Features
) -> tuple[dict[Place, bool], dict[Place, float]]:
    """The same, each fold of the passages by a judge of the other folds, too."""
    fold = folds_of([passage.title for passage in asked])
    kept: dict[Place, bool] = {}
    chances: dict[Place, float] = {}
    for at in range(FOLDS):
        rest = [passage for passage in asked if fold[passage.title] != at]
        out = [passage for passage in asked if fold[passage.title] == at]
        of_fold = decide(run, [*learnt, *rest], out, features)
        kept |= of_fold[0]
        chances |= of_fold[1]
    return kept, chances


def calibration_error(chances: np.ndarray, right: np.ndarray, bins: int = 10) -> float:
    """Expected calibration error, bins of equal size."""
    order = np.argsort(chances)
    parts = [part for part in np.array_split(order, bins) if len(part)]
    gaps = [len(part) * abs(chances[part].mean() - right[part].mean()) for part in parts]
    return float(sum(gaps) / len(order))


def judge_rows(
    name: str,
    run: Run,
    learnt: Sequence[Passage],
    asked: Sequence[Passage],
    across: bool = False,
) -> Iterator[str]:
    """Rows of a table, and a line each of what judgement changed.

    Args:
        name: Of what is judged.
        run: The candidates.
        learnt: What judges are fitted on.
        asked: What is judged.
        across: Whether a passage is judged by what the other ones of ``asked`` teach, too: where
            a half is too small to fit a judge on.
    """
    every = features_of(run.candidates, run.background)
    before = figures(counts_of(run, asked))
    for groups, names in TRIED.items():
        allowed = {column for group in names for column in GROUPS[group]}
        features = [{k: v for k, v in row.items() if k in allowed} for row in every]
        kept, chances = (decide_across if across else decide)(run, learnt, asked, features)
        counts = counts_of(run, asked, kept)
        yield row_of(f"{name}, judged {groups}", counts)
        known = examples_of(run, asked, features)
        likely = np.array([chances[place] for place in known.places])
        precision, recall, _ = figures(counts)
        yield (
            f"<!-- precision × {precision / before[0]:.2f}, recall × {recall / before[1]:.2f}; "
            f"ECE {calibration_error(likely, known.right):.3f}, accuracy at .5 "
            f"{((likely >= 0.5) == known.right).mean():.3f} of {len(known.rows)} -->"
        )
