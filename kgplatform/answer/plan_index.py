"""Phrasings of plans as vectors, and how well a question fits each plan."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kgplatform.answer.phrasing import Phrased
from kgplatform.answer.plans import GraphShape, Plan
from kgplatform.answer.question_words import singular
from kgplatform.progress import Progress, silent
from kgplatform.text.encode import TextEncoder
from kgplatform.text.extract.phrases import form_of, stem
from kgplatform.text.extract.synonyms import groups_of
from kgplatform.text.vector_cache import cached_text_vectors
from kgplatform.text.words import relation_words

FEATURES = (
    "vector",
    "vectors of the three nearest",
    "letters",
    "kind of question",
    "words explained",
    "relations named",
    "kind of answer named",
    "steps",
)
"""What is known of a question and a plan, in this order."""

EXAMPLE = "example: "
"""How the patterns of users' examples begin."""

NEAREST = 3
NO_KIND = -6.0
"""Log-probability below which the kind of question counts no more."""

ALIKE = 85.0
"""Likeness of two words from which one is taken for the other, misspelt."""

LONG = 5
NEARLY = 0.75
"""Letters from which a word may be taken for a misspelt one, and how like that must be."""

WORD = re.compile(r"[^\W_]+")
PASSED = frozenset(
    "a an the of in on at to for by with and or is are was were be been do does did has have had "  # noqa: SIM905
    "what which who whom whose where when how why that this these those it its there their they "
    "i you we people please name tell me list show give many much number count all some any s t x "
    "need want can could should would will let y both one other others also most much "
    "more first second called use used".split()
)
"""Words that need no explanation."""


@dataclass(frozen=True)
class PlanIndex:
    """Plans with their phrasings.

    Attributes:
        shape: Of the graph.
        plans: All of them, [P].
        plan: Which one each phrasing is of, int64 [M], rising.
        texts: The phrasings, [M].
        given: Whether it is an example of the user's, bool [M].
        fold: Half of the patterns each belongs to, 0 or 1, int64 [M].
        vectors: What the encoder makes of the phrasings, of length 1, float32 [M, D].
        letters: Their trigrams and tetragrams, sparse [M, G].
        reader: What makes those of other texts.
        kinds: A classifier of the kind of question by half: trained on the other half, and on all.
        spelling: Words of the phrasings that may be misspelt, longer ones.
        words: Stems that explain a question of each plan, [P].
        named: Stems of each step, [P] of tuples.
        ends: The word for what each plan leads to, [P].
    """

    shape: GraphShape
    plans: tuple[Plan, ...]
    plan: np.ndarray
    texts: tuple[str, ...]
    given: np.ndarray
    fold: np.ndarray
    vectors: np.ndarray
    letters: Any
    reader: Any
    kinds: tuple[Any, Any, Any]
    spelling: frozenset[str]
    words: tuple[frozenset[str], ...]
    named: tuple[tuple[frozenset[str], ...], ...]
    ends: tuple[str, ...]


def kind_of(plan: Plan) -> str:
    """What kind of question a plan answers."""
    if plan.count:
        return "count"
    return plan.form if plan.form in ("check", "rank") else "list"


KINDS = ("check", "count", "list", "rank")


def build_index(
    shape: GraphShape,
    phrasings: Sequence[Phrased],
    encoder: TextEncoder,
    cache: Path,
    progress: Progress = silent,
) -> PlanIndex:
    """Read the phrasings of plans."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    ordered = {plan: at for at, plan in enumerate(dict.fromkeys(p.plan for p in phrasings))}
    rows = sorted(phrasings, key=lambda phrased: ordered[phrased.plan])
    texts = tuple(row.text for row in rows)
    plan = np.array([ordered[row.plan] for row in rows], dtype=np.int64)
    patterns = {name: at % 2 for at, name in enumerate(sorted({row.pattern for row in rows}))}
    fold = np.array([patterns[row.pattern] for row in rows], dtype=np.int64)
    reader = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 4), sublinear_tf=True)
    letters = reader.fit_transform([text.lower() for text in texts])
    plans = tuple(ordered)
    labels = np.array([KINDS.index(kind_of(plans[at])) for at in plan])
    kinds = tuple(
        _kind_classifier(texts, labels, part)
        for part in (fold == 1, fold == 0, np.ones(len(fold), dtype=bool))
    )
    taught = _taught(rows)
    named = tuple(tuple(step_words(step.relation) for step in each.steps) for each in plans)
    return PlanIndex(
        shape,
        plans,
        plan,
        texts,
        np.array([row.pattern.startswith(EXAMPLE) for row in rows], dtype=bool),
        fold,
        _units(cached_text_vectors(encoder, texts, cache, progress)),
        letters,
        reader,
        (kinds[0], kinds[1], kinds[2]),
        frozenset(w for text in texts for w in WORD.findall(text.lower()) if len(w) >= LONG),
        tuple(
            frozenset().union(*steps) | _label_words(shape, each) | taught.get(each, frozenset())
            for each, steps in zip(plans, named, strict=True)
        ),
        named,
        tuple(
            shape.start_word(each.steps[-1]) if each.form == "rank"
            else shape.end_word(each.steps[-1])
            for each in plans
        ),
    )  # fmt: skip


def features(
    index: PlanIndex,
    texts: Sequence[str],
    vectors: np.ndarray,
    half: int | None = None,
) -> np.ndarray:
    """How questions fit plans, float32 [n, P, F].

    Args:
        index: The plans.
        texts: Questions with ``X`` and ``Y`` in the place of names.
        vectors: What the encoder makes of them, of length 1, [n, D].
        half: Only phrasings of the other half of the patterns count; None for all.
    """
    used = np.flatnonzero(index.fold != half) if half is not None else np.arange(len(index.plan))
    plan = index.plan[used]
    near = vectors @ index.vectors[used].T
    like = (index.reader.transform([t.lower() for t in texts]) @ index.letters[used].T).toarray()
    count = len(index.plans)
    found = np.zeros((len(texts), count, len(FEATURES)), dtype=np.float32)
    starts = np.flatnonzero(np.diff(plan, prepend=-1))
    present = plan[starts]
    found[:, :, 0] = found[:, :, 1] = -0.2
    found[:, present, 0] = np.maximum.reduceat(near, starts, axis=1)
    found[:, present, 2] = np.maximum.reduceat(like, starts, axis=1)
    for at, (low, high) in enumerate(itertools.pairwise([*starts.tolist(), len(plan)])):
        some = min(NEAREST, high - low)
        part = near[:, low:high]
        found[:, present[at], 1] = np.sort(part, axis=1)[:, -some:].mean(axis=1)
    kinds = np.log(np.maximum(_kinds(index, texts, half), np.exp(NO_KIND)))
    found[:, :, 3] = kinds[:, [KINDS.index(kind_of(each)) for each in index.plans]]
    for row, text in enumerate(texts):
        found[row, :, 4:7] = _by_words(index, text)
    found[:, :, 7] = [len(each.steps) if each.form == "follow" else 1 for each in index.plans]
    return found


def _by_words(index: PlanIndex, text: str) -> np.ndarray:
    """Words explained, relations named, kind of answer named: [P, 3]."""
    asked = content(text)
    stems = {stem(singular(word)) for word in asked}
    vocabulary = frozenset().union(*index.words)
    stems = {_nearest(word, vocabulary) for word in stems}
    ends = {stem(singular(word)) for end in set(index.ends) for word in end.split()}
    said = stems & ends
    rows = np.zeros((len(index.plans), 3), dtype=np.float32)
    for at, (words, named) in enumerate(zip(index.words, index.named, strict=True)):
        rows[at, 0] = len(stems & words) / len(stems) if stems else 0.5
        rows[at, 1] = sum(bool(stems & step) for step in named) / len(named)
        own = {stem(singular(word)) for word in index.ends[at].split()}
        rows[at, 2] = 1.0 if said & own else (-1.0 if said - words else 0.0)
    return rows


def spelled(index: PlanIndex, encoder: TextEncoder, text: str) -> str:
    """A question with words in the place of what is nearly one and no word of its own.

    Those that the encoder has a token for are taken as meant.
    """
    from rapidfuzz import process
    from rapidfuzz.distance import OSA

    tokens = encoder.network.tokenizer.get_vocab()

    def corrected(match: re.Match[str]) -> str:
        word = match[0].lower()
        if len(word) < LONG or word in index.spelling or word in tokens:
            return match[0]
        near = process.extractOne(
            word, index.spelling, scorer=OSA.normalized_similarity, score_cutoff=NEARLY
        )
        return match[0] if near is None else str(near[0])

    return WORD.sub(corrected, text)


def content(text: str) -> list[str]:
    """The words of a question that say something."""
    return [word for word in WORD.findall(text.lower()) if word not in PASSED]


def step_words(relation: str) -> frozenset[str]:
    """Stems that name a relation: its own words and those of its synonyms."""
    own = {stem(singular(word)) for word in relation_words(relation).split() if word not in PASSED}
    for group, _ in groups_of(form_of(relation), named=True):
        for form in (*group.forward, *group.backward):
            own |= {word for word in form.core if word not in PASSED}
    return frozenset(own)


def _taught(phrasings: Sequence[Phrased]) -> dict[Plan, frozenset[str]]:
    """Stems of the words that users' examples ask for a plan with."""
    found: dict[Plan, frozenset[str]] = {}
    for each in phrasings:
        if each.pattern.startswith(EXAMPLE):
            stems = frozenset(stem(singular(word)) for word in content(each.text))
            found[each.plan] = found.get(each.plan, frozenset()) | stems
    return found


def _label_words(shape: GraphShape, plan: Plan) -> frozenset[str]:
    said = [shape.end_word(step) for step in plan.steps]
    said += [shape.start_word(step) for step in plan.steps]
    return frozenset(stem(singular(word)) for text in said for word in text.split())


def _nearest(word: str, vocabulary: frozenset[str]) -> str:
    """The word of the vocabulary that a word may be, misspelt; else the word."""
    from rapidfuzz import fuzz, process

    if word in vocabulary or len(word) < 4:
        return word
    best = process.extractOne(word, vocabulary, scorer=fuzz.ratio, score_cutoff=ALIKE)
    return word if best is None else str(best[0])


def _kind_classifier(texts: Sequence[str], labels: np.ndarray, part: np.ndarray) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    chosen = np.flatnonzero(part).tolist()
    if len(np.unique(labels[chosen])) < 2:
        return None
    words = TfidfVectorizer(ngram_range=(1, 2), token_pattern=WORD.pattern, sublinear_tf=True)
    model = make_pipeline(words, LogisticRegression(C=30.0, max_iter=500, class_weight="balanced"))
    return model.fit([texts[at].lower() for at in chosen], labels[chosen])


def _kinds(index: PlanIndex, texts: Sequence[str], half: int | None) -> np.ndarray:
    """Probabilities of the kinds, [n, 4]; even where nothing was learnt of them."""
    model = index.kinds[2 if half is None else half]
    found = np.full((len(texts), len(KINDS)), 1.0 / len(KINDS))
    if model is not None:
        found[:] = 0.0
        found[:, model.classes_] = model.predict_proba([text.lower() for text in texts])
    return found


def _units(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-9), dtype=np.float32)


def unit_vectors(encoder: TextEncoder, texts: Sequence[str]) -> np.ndarray:
    """What an encoder makes of questions, of length 1, [n, D]."""
    from kgplatform.text.encode import text_vectors

    return _units(text_vectors(encoder, list(texts), silent))
