"""Entity linking: which entity of a graph a name in a text means, or that none of them fits.

A name gives candidates; a logistic regression over a few features of each, as in Milne and Witten
2008 ("Learning to link with Wikipedia": commonness and relatedness) with vectors in their place,
says how likely each is meant. Where the likeliest stays under a threshold, the answer is null.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from kgplatform.errors import InputError
from kgplatform.progress import Progress, silent
from kgplatform.text.chunk import sentences
from kgplatform.text.encode import TextEncoder, text_vectors
from kgplatform.text.names import Gazetteer, Place
from kgplatform.triples import Mention

USUAL_TEXT = 0.3
USUAL_GRAPH = 0.2
"""Cosines that count neither for nor against: what a feature is where there are no vectors."""

LEAST_EXAMPLES = 10


@dataclass(frozen=True)
class LinkWeights:
    """How much each feature of a candidate counts, in log-odds.

    Attributes:
        bias: Of every candidate.
        prior: Share of the candidates' facts that are its own.
        exact: Whether the text writes one of its names exactly.
        text: Cosine of the sentence's vector with that of the entity's name and description.
        graph: Cosine of its graph vector with the mean of what the text else names.
        threshold: Probability under which nothing is meant.
    """

    bias: float = -2.5
    prior: float = 2.0
    exact: float = 0.5
    text: float = 10.0
    graph: float = 3.0
    threshold: float = 0.2

    def vector(self) -> np.ndarray:
        """The weights of the columns of :func:`_features`, [4]."""
        return np.array([self.prior, self.exact, self.text, self.graph])


@dataclass(frozen=True)
class Linker:
    """What is needed to link texts to a graph's entities, rows in the gazetteer's order.

    Attributes:
        gazetteer: Their names.
        prior: How often each is spoken of, for example its number of facts; [N] or None.
        encoder: What reads the sentences; None to do without.
        text: What it makes of names and descriptions, float32 [N, D], or None.
        graph: Vectors of a model of the graph, float32 [N, d], or None; zeros for none.
        weights: Of the features.
    """

    gazetteer: Gazetteer
    prior: np.ndarray | None = None
    encoder: TextEncoder | None = None
    text: np.ndarray | None = None
    graph: np.ndarray | None = None
    weights: LinkWeights = LinkWeights()

    def __post_init__(self) -> None:
        for name in ("prior", "text", "graph"):
            rows = getattr(self, name)
            if rows is not None and len(rows) != len(self.gazetteer.entities):
                raise InputError(
                    f"{len(rows)} rows of {name} for {len(self.gazetteer.entities)} entities"
                )
        if self.encoder and self.text is not None and self.encoder.dimension != self.text.shape[1]:
            raise InputError(
                f"encoder {self.encoder.name!r} makes vectors of {self.encoder.dimension} "
                f"numbers, but the entities have texts' vectors of {self.text.shape[1]}",
                hint="encode both with the same encoder",
            )


@dataclass(frozen=True)
class GoldLink:
    """A place in a text whose meaning is known: an entity_id, or None for nothing of the graph."""

    text: str
    start: int
    end: int
    entity_id: str | None


def link(
    linker: Linker, texts: Sequence[str], progress: Progress = silent
) -> list[tuple[Mention, ...]]:
    """The mentions of entities in each text, in order.

    One with ``entity_id`` None holds a name of the graph that means none of its entities; its
    confidence is that of the null answer.
    """
    found = [linker.gazetteer.find(text) for text in texts]
    features = _features(linker, texts, found, progress)
    return [
        tuple(_mention(linker, place, rows) for place, rows in zip(places, of_text, strict=True))
        for places, of_text in zip(found, features, strict=True)
    ]


def fit_weights(linker: Linker, gold: Sequence[GoldLink], progress: Progress = silent) -> Linker:
    """A linker whose weights and threshold suit known links.

    Features that the linker has no vectors for keep a weight of zero. The threshold is the one
    that answers most of the links rightly, null among them.

    Raises:
        InputError: There are fewer than ten links whose place has candidates, or those never or
            always are the answer.
    """
    from sklearn.linear_model import LogisticRegression

    texts = [each.text for each in gold]
    found = [linker.gazetteer.find(text) for text in texts]
    features = _features(linker, texts, found, progress)
    rows: list[np.ndarray] = []
    answers: list[np.ndarray] = []
    for each, places, of_text in zip(gold, found, features, strict=True):
        for place, row in zip(places, of_text, strict=True):
            if place.start < each.end and each.start < place.end:
                ids = [linker.gazetteer.entities[entity] for entity in place.entities]
                rows.append(row)
                answers.append(np.array([name == each.entity_id for name in ids]))
    labels = np.concatenate(answers) if answers else np.empty(0, dtype=bool)
    if len(rows) < LEAST_EXAMPLES or labels.all() or not labels.any():
        raise InputError(
            f"{len(rows)} known links with candidates, {int(labels.sum())} of them among these",
            hint=f"at least {LEAST_EXAMPLES}, right candidates and wrong ones among them",
        )
    fitted = LogisticRegression(C=10.0, max_iter=1_000).fit(np.concatenate(rows), labels)
    prior, exact, text, graph = fitted.coef_[0].tolist()
    weights = LinkWeights(float(fitted.intercept_[0]), prior, exact, text, graph)
    linker = replace(linker, weights=weights)
    threshold = _best_threshold([_probabilities(linker, row) for row in rows], answers)
    return replace(linker, weights=replace(weights, threshold=threshold))


def _mention(linker: Linker, place: Place, features: np.ndarray) -> Mention:
    likely = _probabilities(linker, features)
    best = int(likely.argmax())
    # Candidates exclude one another: what all others are worth is taken off.
    confidence = float(likely[best] / max(1.0, likely.sum()))
    if likely[best] < linker.weights.threshold:
        return Mention(place.start, place.end, None, 1 - confidence)
    entity = linker.gazetteer.entities[place.entities[best]]
    return Mention(place.start, place.end, entity, confidence)


def _probabilities(linker: Linker, features: np.ndarray) -> np.ndarray:
    """How likely each candidate is meant, each by itself, [C]."""
    scores = features @ linker.weights.vector() + linker.weights.bias
    return np.asarray(1 / (1 + np.exp(-scores)))


def _best_threshold(likely: Sequence[np.ndarray], answers: Sequence[np.ndarray]) -> float:
    """The threshold with the most right answers: the right entity, or null where there is none."""
    tops = np.array([row.max() for row in likely])
    right = np.array([bool(of[row.argmax()]) for row, of in zip(likely, answers, strict=True)])
    null = np.array([not of.any() for of in answers])
    steps = np.unique(np.concatenate([[0.0], tops]))
    # Between two probabilities, not on one: others will lie beside it.
    steps = np.concatenate([steps[:1], (steps[1:] + steps[:-1]) / 2])
    scores = [int(((tops >= step) & right).sum() + ((tops < step) & null).sum()) for step in steps]
    return float(steps[int(np.argmax(scores))])


def _features(
    linker: Linker, texts: Sequence[str], found: Sequence[list[Place]], progress: Progress
) -> list[list[np.ndarray]]:
    """Features of the candidates of each place of each text, float [C, 4].

    Columns: prior, exact, text, graph; those of vectors that are not there are 0.
    """
    contexts = _contexts(linker, texts, found, progress)
    by_text = []
    for places, of_text in zip(found, contexts, strict=True):
        rows = [
            np.column_stack(
                [
                    _prior(linker, place),
                    np.array(place.exact, dtype=np.float64),
                    _cosines(linker.text, place, context, USUAL_TEXT),
                    np.zeros(len(place.entities)),
                ]
            )
            for place, context in zip(places, of_text, strict=True)
        ]
        _add_coherence(linker, places, rows)
        by_text.append(rows)
    return by_text


def _prior(linker: Linker, place: Place) -> np.ndarray:
    if linker.prior is None:
        return np.full(len(place.entities), 1 / len(place.entities))
    known = linker.prior[list(place.entities)].astype(np.float64) + 1
    return np.asarray(known / known.sum())


def _cosines(
    table: np.ndarray | None, place: Place, wanted: np.ndarray | None, usual: float
) -> np.ndarray:
    """Cosines of the candidates' rows with a vector, less the usual one; [C]."""
    if table is None or wanted is None:
        return np.zeros(len(place.entities))
    rows = table[list(place.entities)].astype(np.float64)
    lengths = np.linalg.norm(rows, axis=1) * np.linalg.norm(wanted)
    known = lengths > 0
    cosines = np.divide(rows @ wanted, lengths, out=np.full(len(rows), usual), where=known)
    return np.asarray(cosines - usual)


def _contexts(
    linker: Linker, texts: Sequence[str], found: Sequence[list[Place]], progress: Progress
) -> list[list[np.ndarray | None]]:
    """The vector of the sentence around each place; None where nothing reads it."""
    if linker.encoder is None or linker.text is None:
        return [[None] * len(places) for places in found]
    around = [_sentences(text, places) for text, places in zip(texts, found, strict=True)]
    flat = [sentence for of_text in around for sentence in of_text]
    vectors = iter(text_vectors(linker.encoder, flat, progress).astype(np.float64))
    return [[next(vectors) for _ in of_text] for of_text in around]


def _sentences(text: str, places: Sequence[Place]) -> list[str]:
    """The sentence of each place, or the sentences that it reaches over."""
    spans = list(sentences(text)) if places else []
    found = []
    for place in places:
        over = [span for span in spans if span[0] < place.end and place.start < span[1]]
        found.append(text[over[0][0] : over[-1][1]])
    return found


def _add_coherence(linker: Linker, places: Sequence[Place], rows: Sequence[np.ndarray]) -> None:
    """Fill the last column: how near a candidate is to what the text's other names mean.

    What those mean is not known either, so each stands for the mean of its candidates, weighed
    by how likely they are without the graph. A name that is repeated speaks not for itself.
    """
    if linker.graph is None or len(places) < 2:
        return
    expected = []
    for place, row in zip(places, rows, strict=True):
        likely = _probabilities(linker, row)
        vectors = linker.graph[list(place.entities)].astype(np.float64)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        units = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
        expected.append((likely / likely.sum()) @ units)
    for place, row in zip(places, rows, strict=True):
        others = [
            vector
            for other, vector in zip(places, expected, strict=True)
            if other.entities != place.entities
        ]
        if others:
            row[:, 3] = _cosines(linker.graph, place, np.sum(others, axis=0), USUAL_GRAPH)
