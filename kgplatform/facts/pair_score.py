"""How likely two records are one entity: a logistic regression over what a pair has in common.

As Fellegi and Sunter 1969 ("A Theory for Record Linkage") with learnt weights; thresholds above
and below leave the doubtful pairs to a person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kgplatform.errors import InputError
from kgplatform.facts.blocking import (
    Pairs,
    equal_pairs,
    joined_pairs,
    name_pairs,
    vector_pairs,
)
from kgplatform.facts.name_likeness import NAME_FEATURES, folded, is_term, name_features

PAIR_FEATURES = (
    *NAME_FEATURES,
    "rare",
    "rivals",
    "text",
    "no_text",
    "around",
    "no_around",
    "same_label",
    "other_label",
    "same_source",
)
"""Beside the names': how rare what they share is; how many others share as much with one of them;
cosine of their texts' vectors; names around both; labels; and whether one document has both."""

IN_WORDS: dict[str, str] = {
    "equal": "the names are equal",
    "sorted": "letters of the names",
    "tokens": "words of the names",
    "contained": "one name holds the other",
    "initials": "one name is the other with initials",
    "last_word": "one name is the other's last word",
    "acronym": "one name is the other's acronym",
    "digits_differ": "numbers in the names differ",
    "given_differ": "first names differ",
    "rare": "how rare the name is",
    "rivals": "how many others have such a name",
    "text": "what the texts are about",
    "no_text": "no text is known",
    "around": "names beside both",
    "no_around": "nothing is known beside them",
    "same_label": "the labels agree",
    "other_label": "the labels differ",
    "same_source": "one document has both",
}
"""What each feature is, for a person."""

USUAL_TEXT = 0.3
"""Cosine of texts that counts neither for nor against, as in ``kgplatform.text.link``."""

SAME_SENTENCE = 0.999
"""Cosine from which two documents' texts are the same."""

LEAST_EXAMPLES = 20


@dataclass(frozen=True, eq=False)
class Record:
    """What is known of an entity or of what a document calls one.

    Attributes:
        names: Its names, the usual one first.
        labels: What it is, if known.
        vector: Of a text about it, or of the sentences that name it, [D]; None for none.
        around: What stands beside it in facts: names, folded, alone and with the relation.
        entity_id: Of an entity of the graph; None for a document's.
        source: The document; None for an entity of the graph.
    """

    names: tuple[str, ...]
    labels: tuple[str, ...] = ()
    vector: np.ndarray | None = None
    around: frozenset[str] = frozenset()
    entity_id: str | None = None
    source: str | None = None


@dataclass(frozen=True)
class PairWeights:
    """Log-odds of what a pair has in common.

    Attributes:
        weights: By the names of :data:`PAIR_FEATURES`; those that are left out are 0.
        bias: Of every pair.
        fitted_on: In words.
    """

    weights: Mapping[str, float]
    bias: float
    fitted_on: str

    def probability(self, features: np.ndarray) -> np.ndarray:
        """That each pair is one entity, [P, F] → [P]."""
        vector = np.array([self.weights.get(name, 0.0) for name in PAIR_FEATURES])
        return np.asarray(0.5 * (1 + np.tanh((features @ vector + self.bias) / 2)))


def candidate_pairs(records: Sequence[Record]) -> Pairs:
    """Pairs of records that may be one: each has a document's, and no more than a few."""
    asked = np.array(
        [row for row, each in enumerate(records) if each.entity_id is None], dtype=np.int64
    )
    every = np.arange(len(records))
    pairs = [
        name_pairs([each.names for each in records], asked),
        equal_pairs([folded(each.names[0]) for each in records], every),
    ]
    read = np.array(
        [row for row, each in enumerate(records) if each.vector is not None], dtype=np.int64
    )
    if len(read):
        vectors = np.stack([np.asarray(records[row].vector, dtype=np.float64) for row in read])
        pairs.append(vector_pairs(vectors, read))
    both = joined_pairs(pairs)
    is_asked = np.zeros(len(records), dtype=bool)
    is_asked[asked] = True
    kept = is_asked[both.left] | is_asked[both.right]
    term = np.array([is_term(each.names[0]) for each in records], dtype=bool)
    # A term is gathered from all documents already; what is only like it is another.
    kept &= ~(term[both.left] | term[both.right]) | _equal(records, both)
    return Pairs(both.left[kept], both.right[kept], both.rare[kept], both.met)


def _equal(records: Sequence[Record], pairs: Pairs) -> np.ndarray:
    """Whether the records of each pair share a name, bool [P]."""
    names = [frozenset(map(folded, each.names)) for each in records]
    ends = zip(pairs.left.tolist(), pairs.right.tolist(), strict=True)
    return np.array([bool(names[i] & names[j]) for i, j in ends], dtype=bool)


def pair_features(records: Sequence[Record], pairs: Pairs) -> np.ndarray:
    """:data:`PAIR_FEATURES` of pairs, float64 [P, F]."""
    names = _name_columns(records, pairs)
    weight = _rarity_of_around(records)
    rows = [
        _beside_names(records[i], records[j], weight)
        for i, j in zip(pairs.left.tolist(), pairs.right.tolist(), strict=True)
    ]
    beside = np.array(rows, dtype=np.float64).reshape(-1, 7)
    rivals = _rivals(records, pairs, names)
    return np.column_stack((names, pairs.rare, rivals, beside))


def fit_pairs(
    features: np.ndarray, same: np.ndarray, fitted_on: str, used: Sequence[str] = PAIR_FEATURES
) -> PairWeights:
    """Weights that suit pairs of which it is known whether they are one entity.

    Args:
        features: From :func:`pair_features`, [P, F].
        same: bool [P].
        fitted_on: In words.
        used: The features that may count.

    Raises:
        InputError: There are too few pairs, or all are alike.
    """
    from sklearn.linear_model import LogisticRegression

    if len(same) < LEAST_EXAMPLES or same.all() or not same.any():
        raise InputError(
            f"{len(same)} known pairs, {int(same.sum())} of them one entity",
            hint=f"at least {LEAST_EXAMPLES}, of either kind",
        )
    columns = [PAIR_FEATURES.index(name) for name in used]
    fitted: Any = LogisticRegression(C=1.0, max_iter=2_000).fit(features[:, columns], same)
    values = fitted.coef_[0].tolist()
    return PairWeights(
        {name: round(value, 2) for name, value in zip(used, values, strict=True)},
        round(float(fitted.intercept_[0]), 2),
        fitted_on,
    )


def _name_columns(records: Sequence[Record], pairs: Pairs) -> np.ndarray:
    """Of the names of both records those that are most alike, [P, names' features]."""
    found = np.empty((len(pairs.left), len(NAME_FEATURES)))
    for row, (i, j) in enumerate(zip(pairs.left.tolist(), pairs.right.tolist(), strict=True)):
        every = [
            name_features(one, other) for one in records[i].names for other in records[j].names
        ]
        found[row] = max(every, key=lambda of: (of[0], sum(of[1:7]) - of[7] - of[8]))
    return found


def _beside_names(one: Record, other: Record, weight: Mapping[str, float]) -> tuple[float, ...]:
    text, no_text = 0.0, 1.0
    if one.vector is not None and other.vector is not None:
        length = float(np.linalg.norm(one.vector) * np.linalg.norm(other.vector))
        if length > 0:
            no_text = 0.0
            cosine = float(one.vector @ other.vector) / length
            # One sentence that names both does not say whether they are one.
            if cosine < SAME_SENTENCE or one.source is None or other.source is None:
                text = cosine - USUAL_TEXT
    shared = sum(weight[name] for name in one.around & other.around)
    no_around = float(not one.around or not other.around)
    labels = [{label.casefold() for label in each.labels} for each in (one, other)]
    both = bool(labels[0] and labels[1])
    agree = bool(labels[0] & labels[1])
    return (
        text,
        no_text,
        float(np.log1p(shared)),
        no_around,
        float(agree),
        float(both and not agree),
        float(one.source is not None and one.source == other.source),
    )


def _rarity_of_around(records: Sequence[Record]) -> dict[str, float]:
    """How much it says that two records have the same name beside them: 1 over its logarithm."""
    count: dict[str, int] = {}
    for each in records:
        for name in each.around:
            count[name] = count.get(name, 0) + 1
    return {name: float(1 / np.log(1 + max(many, 2))) for name, many in count.items()}


def _rivals(records: Sequence[Record], pairs: Pairs, names: np.ndarray) -> np.ndarray:
    """The logarithm of how many others a record's name fits as well as this one, [P].

    A last word that one entity alone has says much; one that ten have, little. Fitting is being
    equal, contained, the initials, the last word or the acronym. Documents that say the same name
    are one other; entities of the graph are others each.
    """
    fits = names[:, [0, 3, 4, 5, 6]].any(axis=1)
    key = [each.entity_id or f"\0{folded(each.names[0])}" for each in records]
    others: dict[int, set[str]] = {}
    for i, j in zip(pairs.left[fits].tolist(), pairs.right[fits].tolist(), strict=True):
        others.setdefault(i, set()).add(key[j])
        others.setdefault(j, set()).add(key[i])
    most = [
        max(len(others.get(i, ())), len(others.get(j, ())), 1)
        for i, j in zip(pairs.left.tolist(), pairs.right.tolist(), strict=True)
    ]
    return np.asarray(np.log(np.array(most, dtype=np.float64)) * fits)
