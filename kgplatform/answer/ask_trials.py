"""What the confidence of a run is worth: it is tried on questions whose answers are known.

Two kinds: those that the run's own training validated on, in its own words, and questions made of
the graph, in others, some of which no entity answers. How like a question is to what the run was
trained on tells them apart (selective answering; Kamath, Jia and Liang 2020, "Selective question
answering under domain shift").
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kgplatform.answer.ask import Asker, offered
from kgplatform.answer.ask_open import Curve
from kgplatform.answer.ask_runs import log_odds
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

RAW = Curve()
"""What a run says of itself."""

Trial = tuple[str, frozenset[str]]
"""A question, and the entity_ids that answer it."""


def with_curves(asker: Asker, runs: Mapping[str, Run], progress: Progress = silent) -> Asker:
    """The same, with what the confidence of its runs is worth."""
    asked: dict[str, np.ndarray] = {}
    valid: dict[str, list[Trial]] = {}
    for strategy in ("joint", "walker"):
        if strategy in asker.strategies:
            asked[strategy], valid[strategy] = _trained_on(asker, strategy, runs[strategy])
    ready = replace(asker, runs=replace(asker.runs, asked=asked))
    curves = {each: _curve(ready, each, runs[each], valid[each], progress) for each in asked}
    return replace(ready, runs=replace(ready.runs, curves=curves))


def _curve(asker: Asker, strategy: str, run: Run, valid: list[Trial], progress: Progress) -> Curve:
    """From the cache, or fitted now and kept there."""
    path = asker.settings.kgp_cache.expanduser() / "ask" / f"{run.id}-{strategy}.json"
    try:
        return Curve(**parsed_json(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        pass
    from kgplatform.training.artifacts import write_atomically

    seen, right = [], []
    trials = valid[:TRIALS] + made_trials(asker)
    familiar = replace(asker, runs=replace(asker.runs, curves={strategy: Curve(0.0, 1.0)}))
    for at, (question, answers) in enumerate(trials, 1):
        alike = offered(familiar, question, (strategy,), 1)
        for answer in offered(asker, question, (strategy,), 1):
            seen.append((log_odds(answer.confidence), log_odds(alike[0].confidence)))
            right.append(answer.answers[0].id in answers)
        progress("trying a run", at, len(trials))
    curve = fit_curve(np.array(seen), np.array(right))
    write_atomically(path, json.dumps(asdict(curve)))
    return curve


def fit_curve(seen: np.ndarray, right: np.ndarray) -> Curve:
    """Platt's curve over log-odds and familiarity; two questions of no weight keep it finite.

    Platt 1999, "Probabilistic Outputs for Support Vector Machines".

    Args:
        seen: Log-odds that the run says, and familiarity, [n, 2].
        right: Whether the run was right, [n].
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
            slope, familiar = weights.tolist()
            return Curve(slope, familiar, float(model.intercept_[0]), len(seen))
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
    return question.question.text, frozenset(entities[at] for at in question.answers)


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
            found.append((text.replace("X", called[entity]), frozenset()))
            continue
        at = int(generator.choice(fits))
        plan = index.plans[at]
        text = index.texts[int(generator.choice(np.flatnonzero(index.plan == at)))]
        ends = follow(store, graph, entity, plan.steps).ends
        # The answer to how many is no entity.
        answers = frozenset() if plan.count else frozenset(end.id for end in ends)
        found.append((text.replace("X", called[entity]), answers))
    return found
