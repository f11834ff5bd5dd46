"""Which plan a question means, and how sure that is: learnt from questions made of the graph.

A conditional logit (McFadden 1974, "Conditional logit analysis of qualitative choice behavior")
over the features of question and plan. Each made question is compared with phrasings of other
patterns alone, so that the weights are those of wording that was not seen. A second regression says
how often the chosen plan is right; it also sees questions whose relation the graph was made to
lack, and questions about what few graphs know, where no plan is right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kgplatform.answer.plan_index import FEATURES, PlanIndex, content, features, step_words
from kgplatform.answer.plans import Plan
from kgplatform.answer.question_words import OUTSIDE
from kgplatform.text.encode import TextEncoder
from kgplatform.text.words import relation_words

QUESTIONS = 700
"""Made questions that are learnt from."""

RIVALS = 40
"""Plans that a made question's own is compared with."""

THRESHOLD = 0.6
"""Confidence from which on to answer is better than not to, where a wrong answer costs one and a
half times what a right one gains."""

SEEN = 3
"""Likeliest plans of a question that are looked at for how sure each is."""

RIDGE = 0.01
SIGNS = 9
"""What :func:`signs` gives."""


@dataclass(frozen=True)
class Weights:
    """What was learnt of choosing plans.

    Attributes:
        plan: Of the features of a plan, [F].
        sure: Of the signs that the chosen plan is right, [S].
        bias: Log-odds without any sign.
    """

    plan: np.ndarray
    sure: np.ndarray
    bias: float

    def confidence(self, signs: np.ndarray) -> np.ndarray:
        """That the chosen plans are right, [n]."""
        return np.asarray(1 / (1 + np.exp(-(signs @ self.sure + self.bias))))


@dataclass(frozen=True)
class Asked:
    """Made questions with what may answer them.

    Attributes:
        texts: The questions, [n].
        gold: The plan that answers each; -1 where none does, int64 [n].
        possible: Plans that the entities named allow, bool [n, P].
        known: Features of plans, [n, P, F].
    """

    texts: tuple[str, ...]
    gold: np.ndarray
    possible: np.ndarray
    known: np.ndarray


def probabilities(weights: np.ndarray, known: np.ndarray, possible: np.ndarray) -> np.ndarray:
    """Of each plan to be the one that is meant, [n, P]; the impossible ones have none."""
    scores = np.where(possible, known @ weights, -np.inf)
    top = scores.max(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        odds = np.exp(scores - np.where(np.isfinite(top), top, 0.0))
    total = odds.sum(axis=1, keepdims=True)
    return np.asarray(odds / np.maximum(total, 1e-12))


def signs(top: np.ndarray, own: np.ndarray, words: np.ndarray) -> np.ndarray:
    """Signs that a plan is right, [n, S].

    Args:
        top: Its probability among all plans, [n].
        own: Its features, [n, F].
        words: How many words of each question need an explanation, [n].
    """
    top = np.clip(top, 1e-6, 1 - 1e-6)
    unexplained = np.minimum(words * (1 - own[:, 4]), 4)
    return np.column_stack([np.log(top / (1 - top)), own[:, :7], unexplained])


def learn(index: PlanIndex, encoder: TextEncoder, seed: int = 0) -> tuple[Weights, float]:
    """Learn to choose among plans; also the calibration error on questions held out.

    Args:
        index: The plans and their phrasings.
        encoder: The one of the phrasings.
        seed: Of the questions drawn.
    """
    from kgplatform.training.calibrate import expected_calibration_error

    generator = np.random.default_rng(seed)
    asked = _made(index, encoder, generator)
    plan = _fit_logit(asked)
    chosen = probabilities(plan, asked.known, asked.possible)
    words = np.array([len(content(text)) for text in asked.texts])
    # The likeliest plans of each: the second may be surer than the first.
    rows = np.repeat(np.arange(len(words)), SEEN)
    best = np.argsort(-chosen, axis=1, kind="stable")[:, :SEEN].reshape(-1)
    seen = signs(chosen[rows, best], asked.known[rows, best], words[rows])
    right = best == asked.gold[rows]
    part = generator.permutation(len(words)) % 5 == 0
    held = _fit_confidence(seen[~part[rows]], right[~part[rows]])
    tried, correct = _surest(held, seen, right)
    error = expected_calibration_error(tried[part], correct[part], bins=8)
    sure, bias = _fit_confidence(seen, right)
    return Weights(plan, sure, bias), error


def _fit_confidence(seen: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, float]:
    """Log-odds that a plan is right by its signs, put right once more for the surest of each.

    Who takes the surest of three is right more often than each of them is.
    """
    from sklearn.linear_model import LogisticRegression

    if right.all() or not right.any():
        return np.zeros(seen.shape[1]), 3.0 if right.all() else -3.0
    model = LogisticRegression(C=1.0, max_iter=2_000).fit(seen, right)
    first = np.asarray(model.coef_[0]), float(model.intercept_[0])
    tried, correct = _surest(first, seen, right)
    if correct.all() or not correct.any():
        return first
    odds = np.log(tried / (1 - tried))[:, None]
    again = LogisticRegression(C=10.0).fit(odds, correct)
    slope, shift = float(again.coef_[0, 0]), float(again.intercept_[0])
    return first[0] * slope, first[1] * slope + shift


def _surest(
    fitted: tuple[np.ndarray, float], seen: np.ndarray, right: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """How sure the surest plan of each question is, and whether it is right; [n] each."""
    odds = np.clip(seen @ fitted[0] + fitted[1], -12, 12).reshape(-1, SEEN)
    best = odds.argmax(axis=1)
    rows = np.arange(len(odds))
    return 1 / (1 + np.exp(-odds[rows, best])), right.reshape(-1, SEEN)[rows, best]


def _made(index: PlanIndex, encoder: TextEncoder, generator: np.random.Generator) -> Asked:
    """Questions with answers, the same without their relation, and questions of something else."""
    drawn = _drawn(index, generator)
    texts = [index.texts[at] for at in drawn]
    gold = index.plan[drawn]
    vectors = index.vectors[drawn]
    possible = np.stack([_rivals(index, index.plans[at]) for at in gold])
    known = np.empty((len(texts), len(index.plans), len(FEATURES)), dtype=np.float32)
    for half in (0, 1):
        rows = np.flatnonzero(index.fold[drawn] == half)
        if len(rows):
            known[rows] = features(index, [texts[at] for at in rows], vectors[rows], half)
    lacking = generator.permutation(len(texts))[: len(texts) // 3]
    without = possible[lacking].copy()
    for row, at in enumerate(gold[lacking]):
        lost = {step.relation for step in index.plans[at].steps}
        without[row] &= [
            lost.isdisjoint(step.relation for step in plan.steps) for plan in index.plans
        ]
    outside = outside_questions(index)
    beside = features(index, outside, _read(encoder, outside))
    start = np.stack([possible[generator.integers(len(possible))] for _ in outside])
    return Asked(
        (*texts, *(texts[at] for at in lacking), *outside),
        np.concatenate([gold, np.full(len(lacking) + len(outside), -1)]),
        np.concatenate([possible, without, start]),
        np.concatenate([known, known[lacking], beside]),
    )


def _drawn(index: PlanIndex, generator: np.random.Generator) -> np.ndarray:
    """Phrasings to be asked: as many examples, of one step, and of others, where there are such."""
    simple = np.array([len(index.plans[at].steps) == 1 for at in index.plan]) & ~index.given
    groups = [np.flatnonzero(part) for part in (index.given, simple, ~simple & ~index.given)]
    groups = [group for group in groups if len(group)]
    each = QUESTIONS // len(groups)
    return np.sort(np.concatenate([generator.permutation(group)[:each] for group in groups]))


def _rivals(index: PlanIndex, plan: Plan) -> np.ndarray:
    """The plans that a question's entities allow, by the commonest labels where its own begins."""
    shape = index.shape
    begins = [plan.steps[0]] if plan.form == "follow" else list(plan.steps)
    labels = [max(shape.starts[step].items(), key=lambda item: item[1])[0] for step in begins]
    if plan.form == "check":
        labels.append(max(shape.ends[plan.steps[0]].items(), key=lambda item: item[1])[0])
    return allowed(index, labels if plan.entities else [])


def allowed(index: PlanIndex, labels: Sequence[frozenset[str]]) -> np.ndarray:
    """The plans that entities of such labels allow, as many as the question names, bool [P]."""
    shape = index.shape
    found = np.zeros(len(index.plans), dtype=bool)
    for at, plan in enumerate(index.plans):
        if plan.entities != len(labels):
            continue
        if plan.form == "check":
            step = plan.steps[0]
            found[at] = shape.can_begin(step, labels[0]) and labels[1] in shape.ends[step]
        else:
            begins = zip(plan.steps, labels, strict=False)
            found[at] = all(shape.can_begin(step, of) for step, of in begins)
    return found


def outside_questions(index: PlanIndex) -> list[str]:
    """Questions about what the graph has no relation for, as far as words tell."""
    known: set[str] = set()
    for step in index.shape.starts:
        known |= step_words(step.relation)
    known |= {word for step in index.shape.starts for word in relation_words(step.relation).split()}
    foreign = [noun for noun in OUTSIDE if not known & {*noun.split(), *step_words(noun)}]
    forms = ("what is the {} of X", "who is the {} of X", "X {}", "how many {} does X have")
    return [forms[at % len(forms)].format(noun) for noun in foreign for at in (0, len(noun))]


def _read(encoder: TextEncoder, texts: Sequence[str]) -> np.ndarray:
    from kgplatform.answer.plan_index import unit_vectors

    return unit_vectors(encoder, texts)


def _fit_logit(asked: Asked) -> np.ndarray:
    """Weights of the features by which the right plan is likeliest, [F]."""
    from scipy.optimize import minimize

    rows = np.flatnonzero(asked.gold >= 0)
    quick = asked.known[rows][:, :, 0] + asked.known[rows][:, :, 2]
    quick = np.where(asked.possible[rows], quick, -np.inf)
    nearest = np.argsort(-quick, axis=1)[:, :RIVALS]
    nearest = np.column_stack([asked.gold[rows], nearest])
    chosen = asked.known[rows[:, None], nearest].astype(np.float64)
    usable = np.isfinite(np.take_along_axis(quick, nearest, axis=1))
    usable[:, 1:] &= nearest[:, 1:] != nearest[:, :1]
    usable[:, 0] = True

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        scores = np.where(usable, chosen @ weights, -np.inf)
        scores -= scores.max(axis=1, keepdims=True)
        odds = np.exp(scores)
        share = odds / odds.sum(axis=1, keepdims=True)
        value = -np.log(np.maximum(share[:, 0], 1e-12)).mean() + RIDGE * float(weights @ weights)
        expected = np.einsum("nc,ncf->nf", share, chosen)
        return value, (expected - chosen[:, 0]).mean(axis=0) + 2 * RIDGE * weights

    return np.asarray(minimize(loss, np.ones(len(FEATURES)), jac=True, method="L-BFGS-B").x)
