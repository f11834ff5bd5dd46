"""What the confidence of a run is worth: it is tried on questions whose answers are known.

Two kinds: those that the run's own training validated on, in its own words, and questions made of
the graph, in others, some of which no entity answers. How like a question is to what the run was
trained on tells them apart (selective answering; Kamath, Jia and Liang 2020, "Selective question
answering under domain shift").
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kgplatform.answer.ask import Asker, raw_offers
from kgplatform.answer.ask_offers import Curve, Offer, Trust, contradiction, log_odds, trusted_alone
from kgplatform.answer.plan_choice import outside_questions
from kgplatform.errors import KGPlatformError
from kgplatform.parsed import parsed_json
from kgplatform.progress import Progress, silent
from kgplatform.store.ask import follow, ways_of

if TYPE_CHECKING:
    from kgplatform.joint.qa_questions import Linked, Names
    from kgplatform.training.artifacts import Run

TRIALS = 60
"""Questions of each kind."""

SPREAD = 2.0
"""Standard deviation of the weight of others' word, before anything is known."""

NEWTON = 30


@dataclass(frozen=True, slots=True)
class Trial:
    """A question whose answer is known.

    Attributes:
        question: In words.
        answers: entity_ids that answer it; none where nothing does.
        count: Whether how many these are is asked.
    """

    question: str
    answers: frozenset[str]
    count: bool = False

    def right(self, offer: Offer) -> bool:
        """Whether a strategy says it, in the first place."""
        if self.count:
            return offer.answer.text.startswith(f"{len(self.answers):,}: ")
        return bool(offer.ids) and offer.answer.answers[0].id in self.answers


def with_trust(asker: Asker, runs: Mapping[str, Run], progress: Progress = silent) -> Asker:
    """The same, with what the word of its runs is worth."""
    asked: dict[str, np.ndarray] = {}
    trials: dict[str, Trial] = {}
    tried = tuple(each for each in ("joint", "walker") if each in asker.strategies)
    for strategy in tried:
        asked[strategy], valid = _trained_on(asker, strategy, runs[strategy])
        # Runs that were trained on the same questions were validated on the same, too.
        trials |= {each.question: each for each in valid[:TRIALS]}
    asker = replace(asker, runs=replace(asker.runs, asked=asked))
    path = _cached(asker, [runs[strategy].id for strategy in tried])
    trust = _read(path)
    if trust is None:
        from kgplatform.training.artifacts import write_atomically

        asked_all = [*trials.values(), *made_trials(asker)]
        offers = []
        for at, trial in enumerate(asked_all, 1):
            offers.append(raw_offers(asker, trial.question, ("template", *tried), 1))
            progress("trying runs", at, len(asked_all))
        trust = fit_trust(asked_all, offers, tried)
        write_atomically(path, json.dumps(asdict(trust)))
    return replace(asker, runs=replace(asker.runs, trust=trust))


def _cached(asker: Asker, runs: Sequence[str]) -> Path:
    """Where what is learnt of runs is kept: it holds beside the templates as they are."""
    index = asker.planner.index
    known = hashlib.sha256(json.dumps([*runs, *index.texts]).encode())
    known.update(index.plan.tobytes())
    return asker.settings.kgp_cache.expanduser() / "ask" / f"trust-{known.hexdigest()[:32]}.json"


def _read(path: Path) -> Trust | None:
    try:
        said = parsed_json(path.read_text("utf-8"))
        alone = {strategy: Curve(**curve) for strategy, curve in said["alone"].items()}
        together = {strategy: float(weight) for strategy, weight in said["together"].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return Trust(alone, together)


def fit_trust(
    trials: Sequence[Trial], offers: Sequence[Sequence[Offer]], runs: Sequence[str]
) -> Trust:
    """What the word of strategies is worth, by questions that all were asked.

    Args:
        trials: The questions.
        offers: What each strategy said of itself, by question.
        runs: Strategies whose own confidence is not fitted yet.
    """
    alone = {
        strategy: fit_curve(*_signs(trials, offers, strategy, lambda offer, _: offer.familiar))
        for strategy in runs
    }
    sure = [trusted_alone(each, alone) for each in offers]
    together = {
        strategy: fit_weight(*_signs(trials, sure, strategy, contradiction))
        for strategy in ("template", *runs)
    }
    return Trust(alone, together)


def _signs(
    trials: Sequence[Trial],
    offers: Sequence[Sequence[Offer]],
    strategy: str,
    other: Callable[[Offer, Sequence[Offer]], float],
) -> tuple[np.ndarray, np.ndarray]:
    """A strategy's log-odds and what else is known, [n, 2], and where it was right, [n]."""
    found = [
        ((log_odds(offer.answer.confidence), other(offer, said)), trial.right(offer))
        for trial, said in zip(trials, offers, strict=True)
        for offer in said
        if offer.strategy == strategy
    ]
    seen = np.array([signs for signs, _ in found], dtype=float).reshape(-1, 2)
    return seen, np.array([right for _, right in found], dtype=bool)


def fit_weight(seen: np.ndarray, right: np.ndarray) -> float:
    """The weight, not below 0, of what others say beside log-odds that hold as they are.

    By maximum likelihood, with a normal prior (Bishop 2006, section 4.5); Newton's steps.

    Args:
        seen: Log-odds that are said, and what others say, [n, 2].
        right: Whether it was right, [n].
    """
    odds, other = seen.T
    weight = 0.0
    for _ in range(NEWTON):
        likely = 1 / (1 + np.exp(-(odds + weight * other)))
        gradient = other @ (right - likely) - weight / SPREAD**2
        curvature = other**2 @ (likely * (1 - likely)) + 1 / SPREAD**2
        weight = max(0.0, weight + float(np.clip(gradient / curvature, -1, 1)))
    return weight


def fit_curve(seen: np.ndarray, right: np.ndarray) -> Curve:
    """Platt's curve over log-odds and what else is known; two more questions keep it finite.

    Platt 1999, "Probabilistic Outputs for Support Vector Machines".

    Args:
        seen: Log-odds that are said, and what else is known, [n, 2].
        right: Whether it was right, [n].
    """
    from sklearn.linear_model import LogisticRegression

    if not len(seen):
        return Curve()
    rows = np.concatenate([seen, [[0.0, 0.0], [0.0, 0.0]]])
    labels = np.concatenate([right.astype(bool), [False, True]])
    used = np.ones(2, dtype=bool)
    while True:
        model = LogisticRegression(C=10.0, max_iter=1_000).fit(rows * used, labels)
        weights = model.coef_[0] * used
        # More confident, or more familiar, is never less often right: else it says nothing.
        if (weights >= 0).all():
            slope, other = weights.tolist()
            return Curve(slope, other, float(model.intercept_[0]), len(seen))
        used &= weights >= 0


def _trained_on(asker: Asker, strategy: str, run: Run) -> tuple[np.ndarray, list[Trial]]:
    """Vectors of the questions that a run was trained on, and those that validated it.

    Empty where the file that it was trained on is not there any more.
    """
    from kgplatform.joint.qa_questions import link, read_questions, split_questions, words_read
    from kgplatform.text.vector_cache import cached_text_vectors

    known, entities = _names(asker, strategy)
    reader = asker.planner.encoder
    place = run.source.get("texts") or run.source.get("questions")
    nothing: tuple[np.ndarray, list[Trial]] = (np.empty((0, reader.dimension)), [])
    if not place or not Path(place).is_file():
        return nothing
    try:
        linked, _ = link(read_questions(Path(place)), known)
        parts = split_questions(linked, **_split_of(run))
    except KGPlatformError:
        return nothing
    texts = list(dict.fromkeys(words_read(each.words) for each in parts["train"]))
    vectors = cached_text_vectors(reader, texts, asker.settings.text_cache)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    order = np.random.default_rng(0).permutation(len(parts["valid"]))
    valid = [_trial(parts["valid"][at], entities) for at in order.tolist()]
    return vectors / np.maximum(lengths, 1e-9), valid


def _trial(question: Linked, entities: tuple[str, ...]) -> Trial:
    return Trial(question.question.text, frozenset(entities[at] for at in question.answers))


def _names(asker: Asker, strategy: str) -> tuple[Names, tuple[str, ...]]:
    """By what names a run knows its entities."""
    from kgplatform.joint.qa_questions import Names

    if strategy == "joint":
        assert asker.runs.joint is not None
        answerer = asker.runs.joint[1]
        return answerer.known, tuple(answerer.entities)
    assert asker.runs.walker is not None
    walker = asker.runs.walker[1]
    snapshot = walker.snapshot
    degree = snapshot.edge_index.flatten().bincount(minlength=snapshot.num_entities).tolist()
    return Names(snapshot.entities, walker.said["names"], degree), tuple(snapshot.entities)


def _split_of(run: Run) -> dict[str, Any]:
    """How a run's questions were split."""
    from kgplatform.joint.qa_settings import QASettings, settings_of

    path = run.folder / "joint.json"
    given = parsed_json(path.read_text("utf-8"))["settings"] if path.is_file() else None
    chosen = QASettings(seed=run.config.seed) if given is None else settings_of(given)
    return {
        "by": chosen.split,
        "valid": chosen.valid_share,
        "test": chosen.test_share,
        "seed": chosen.seed,
    }


def made_trials(asker: Asker, seed: int = 0) -> list[Trial]:
    """Questions made of the graph with the answers that it gives, and some that have none."""
    generator = np.random.default_rng(seed)
    index, store, graph = asker.planner.index, asker.store, asker.graph
    called = asker.names
    drawn = generator.permutation(np.array(list(called), dtype=object))[: 4 * TRIALS].tolist()
    ways = ways_of(store, graph, drawn)
    beside = outside_questions(index)
    found: list[Trial] = []
    for entity in drawn:
        fits = [
            at
            for at, plan in enumerate(index.plans)
            if plan.form == "follow" and plan.steps[0] in ways[entity].facts
        ]
        if len(found) == TRIALS or not fits:
            continue
        if beside and len(found) % 4 == 3:
            text = beside[int(generator.integers(len(beside)))]
            found.append(Trial(text.replace("X", called[entity]), frozenset()))
            continue
        at = int(generator.choice(fits))
        plan = index.plans[at]
        text = index.texts[int(generator.choice(np.flatnonzero(index.plan == at)))]
        ends = follow(store, graph, entity, plan.steps).ends
        answers = frozenset(end.id for end in ends)
        found.append(Trial(text.replace("X", called[entity]), answers, plan.count))
    return found
