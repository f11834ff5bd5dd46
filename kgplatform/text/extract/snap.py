"""Relations of extracted facts taken to those of a schema, and a check for ends that were invented.

By words first: the schema's names and words, then phrases that say the same; by vectors where no
words agree. The labels that a relation joins decide between several and turn a fact around. What
fits none is a proposal where the schema is open, never a new type.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from kgplatform.text.extract.dates import dates_in
from kgplatform.text.extract.kinds import labels_by_kind
from kgplatform.text.extract.phrases import Form, form_of, last_noun
from kgplatform.text.extract.places import cuts_word, find_phrase
from kgplatform.text.extract.records import ExtractedFact, Phrase
from kgplatform.text.extract.schema import RelationType, Schema
from kgplatform.text.extract.synonyms import groups_of
from kgplatform.text.words import relation_words

if TYPE_CHECKING:
    from kgplatform.text.encode import TextEncoder

SAME = 1.0
"""How well a phrase fits that is the schema's own name or word for the relation."""

SYNONYM = 0.95
SHORTENED = 0.85
"""Where only the last noun of the phrase is: ``stem tributary of``."""

LEAST_COSINE = 0.5
"""Cosine of all-MiniLM-L6-v2 under which phrases are not taken to say the same: the best F1 on the
gold set's development half where no synonyms are known."""

SURE_COSINE = 0.75
"""The same for relations whose synonyms are known: there the nearest phrases are mostly others."""


LEAST_FIT = 0.5
"""Under which a relation does not fit a fact."""

OTHER_GUESS = 0.85
"""For each end whose label was guessed to be another: small recognisers are often wrong, and the
words of the relation say more."""

_VALUES = ("date", "occupation", "nationality")
_NEVER_DATES = ("person", "place", "organisation", "occupation", "nationality")
"""Kinds whose names are no dates; a work may be called *1984*."""

UNSURE_LABEL = 0.97
"""For each end whose label is not known, where the relation asks for one."""


@dataclass(frozen=True)
class Snapped:
    """The facts of a text by what became of them.

    Attributes:
        known: With a relation of the schema; ends stand in the text and are of its labels.
        proposed: With a phrase that fits no relation, where the schema is open.
        invented: With an end that the text does not have; with a relation of the schema if it fits.
        dropped: How many were left out, by reason.
        unknown: How often a phrase fitted no relation.
    """

    known: list[ExtractedFact]
    proposed: list[ExtractedFact]
    invented: list[ExtractedFact]
    dropped: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Fit:
    """A relation that a phrase may mean.

    Attributes:
        relation: Its name.
        turned: Whether the phrase goes from tail to head.
        score: From 0 to 1.
        near: Whether vectors alone say so, so that the labels of both ends must be known.
    """

    relation: str
    turned: bool
    score: float
    near: bool = False


def snap(
    facts: Sequence[Sequence[ExtractedFact]],
    texts: Sequence[str],
    schema: Schema,
    encoder: TextEncoder | None = None,
) -> list[Snapped]:
    """Take the facts of each text to a schema.

    Args:
        facts: What an extractor gave, a list a text.
        texts: The texts.
        schema: Whose relations are meant.
        encoder: Compares phrases that have no words in common; None for words alone.
    """
    snapper = Snapper(schema, encoder)
    return [snapper(each, text) for each, text in zip(facts, texts, strict=True)]


class Snapper:
    """Takes facts to one schema; remembers the phrases that it has seen.

    Args:
        schema: Whose relations are meant.
        encoder: Compares phrases that have no words in common; None for words alone.
        least_cosine: From which cosine on they say the same, for relations without known synonyms.
        synonyms: Whether phrases that commonly say the same are known.
    """

    def __init__(
        self,
        schema: Schema,
        encoder: TextEncoder | None = None,
        *,
        least_cosine: float = LEAST_COSINE,
        synonyms: bool = True,
    ) -> None:
        self.schema = schema
        self._encoder = encoder
        self._least = least_cosine
        self._forms = {name: _forms_of(name, kind) for name, kind in schema.relations.items()}
        self._groups = {
            name: _groups_of_relation(name, kind) if synonyms else []
            for name, kind in schema.relations.items()
        }
        self._fits: dict[str, list[Fit]] = {}
        kinds = labels_by_kind(schema)
        self._values = {label for kind in _VALUES for label in kinds.get(kind, ())}
        self._never_dates = {label for kind in _NEVER_DATES for label in kinds.get(kind, ())}
        self._texts, self._owners = _said(schema)
        self._vectors: np.ndarray | None = None

    def __call__(self, facts: Iterable[ExtractedFact], text: str) -> Snapped:
        """The facts of one text."""
        result = Snapped([], [], [])
        best: dict[tuple[object, ...], ExtractedFact] = {}
        for fact in facts:
            placed = replace(fact, head=_placed(fact.head, text), tail=_placed(fact.tail, text))
            snapped, reason = self._snap(placed)
            if placed.invented:
                result.invented.append(snapped or placed)
            elif snapped is not None:
                key = _identity(snapped, self.schema.relations[snapped.relation])
                held = best.get(key)
                if held is not None:
                    result.dropped["said twice"] += 1
                if held is None or held.confidence < snapped.confidence:
                    best[key] = snapped
            elif reason == "no such relation" and self.schema.open and placed.relation.strip():
                result.proposed.append(placed)
            else:
                result.dropped[reason] += 1
                if reason == "no such relation":
                    result.unknown[placed.relation] += 1
        result.known.extend(best.values())
        return result

    def fits(self, phrase: str) -> list[Fit]:
        """The relations that a phrase may mean, the best first."""
        found = self._fits.get(phrase)
        if found is None:
            found = self._by_words(phrase) or self._by_vectors(phrase)
            self._fits[phrase] = found
        return found

    def _snap(self, fact: ExtractedFact) -> tuple[ExtractedFact | None, str]:
        """A fact with the relation that fits best, or why none does."""
        if not fact.head.name.strip() or not fact.tail.name.strip():
            return None, "an end is empty"
        fits = self.fits(fact.relation)
        if not fits:
            return None, "no such relation"
        scored = [(self._with_labels(fact, fit), fit) for fit in fits]
        score, fit = max(scored, key=lambda pair: pair[0])
        if score < LEAST_FIT:
            return None, "ends are of other labels"
        kind = self.schema.relations[fit.relation]
        turned = fit.turned and not kind.symmetric
        head, tail = (fact.tail, fact.head) if turned else (fact.head, fact.tail)
        snapped = replace(
            fact,
            head=_labelled(head, kind.heads),
            relation=fit.relation,
            tail=_labelled(tail, kind.tails),
            confidence=fact.confidence * score,
        )
        return snapped, ""

    def _with_labels(self, fact: ExtractedFact, fit: Fit) -> float:
        """How well a relation fits a fact, with the labels of its ends."""
        head, tail = (fact.tail, fact.head) if fit.turned else (fact.head, fact.tail)
        kind, score = self.schema.relations[fit.relation], fit.score
        for end, labels in ((head, kind.heads), (tail, kind.tails)):
            if not labels:
                continue
            if fit.near and (end.guessed or end.label not in labels):
                return 0.0
            if end.label is None or end.label not in self.schema.labels:
                if self._never_dates.issuperset(labels) and _is_date(end.name):
                    return 0.0
                score *= UNSURE_LABEL
            elif end.label not in labels:
                if not end.guessed or self._is_value(end.label, labels):
                    return 0.0
                score *= OTHER_GUESS
        return score

    def _is_value(self, label: str, labels: Sequence[str]) -> bool:
        """Whether one side is a date, a trade or a people, which no name is mistaken for."""
        return label in self._values or self._values.issuperset(labels)

    def _by_words(self, phrase: str) -> list[Fit]:
        exact = self.schema.relations.get(phrase)
        if exact is not None:
            # An extractor that names the relation itself may still have it the wrong way round.
            turned = [] if exact.symmetric else [Fit(phrase, True, SAME * 0.5)]
            return [Fit(phrase, False, SAME), *turned]
        form = form_of(phrase)
        for wanted, factor in ((form, 1.0), (last_noun(form), SHORTENED)):
            found = self._same(wanted, factor) or self._synonyms(wanted, factor)
            if found:
                return sorted(found, key=lambda fit: -fit.score)
            if len(form.core) < 2:
                break
        return []

    def _same(self, form: Form, factor: float) -> list[Fit]:
        found = []
        for name, forms in self._forms.items():
            for own in forms:
                if own.core == form.core:
                    turned = own.direction * form.direction < 0
                    found.append(Fit(name, turned, SAME * factor))
        if found:
            # A group may have it of other relations, too, and labels decide.
            held = {fit.relation for fit in found}
            found += [fit for fit in self._synonyms(form, factor) if fit.relation not in held]
        return found

    def _synonyms(self, form: Form, factor: float) -> list[Fit]:
        found = []
        for group, backward in groups_of(form):
            for name, own in self._groups.items():
                for other, other_backward in own:
                    if other is group:
                        found.append(Fit(name, backward != other_backward, SYNONYM * factor))
        return found

    def _by_vectors(self, phrase: str) -> list[Fit]:
        """Relations by the cosine of phrases, nearest first; labels say the direction."""
        if self._encoder is None or not self._texts:
            return []
        from kgplatform.text.encode import text_vectors

        if self._vectors is None:
            self._vectors = _units(text_vectors(self._encoder, self._texts))
        vector = _units(text_vectors(self._encoder, [relation_words(phrase)]))[0]
        nearest: dict[str, float] = {}
        for owner, cosine in zip(self._owners, (self._vectors @ vector).tolist(), strict=True):
            nearest[owner] = max(nearest.get(owner, -1.0), cosine)
        found = []
        for name, cosine in nearest.items():
            least = max(self._least, SURE_COSINE) if self._groups[name] else self._least
            if cosine >= least:
                found += [Fit(name, False, cosine, True), Fit(name, True, cosine * 0.9, True)]
        return sorted(found, key=lambda fit: -fit.score)


def _forms_of(name: str, kind: RelationType) -> list[Form]:
    """The forms of a relation, its name's first: its words are from head to tail as it is."""
    return list(dict.fromkeys(form_of(phrase) for phrase in (name, *kind.words)))


def _groups_of_relation(name: str, kind: RelationType) -> list[tuple[object, bool]]:
    """The groups that a relation's name stands in; those of its words where the name has none."""
    named = groups_of(form_of(name), named=True)
    if named:
        return list(named)
    return [found for word in kind.words for found in groups_of(form_of(word), named=True)]


def _said(schema: Schema) -> tuple[list[str], list[str]]:
    """What an encoder reads of the relations, and of which each is."""
    texts, owners = [], []
    for name, kind in schema.relations.items():
        for said in (relation_words(name), *kind.words):
            texts.append(said)
            owners.append(name)
    return texts, owners


def _units(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    units: np.ndarray = vectors / np.maximum(lengths, np.finfo(np.float32).tiny)
    return units


def _placed(phrase: Phrase, text: str) -> Phrase:
    """A phrase with its place checked: what is said to stand there stands there, or elsewhere."""
    span = phrase.span
    if span is not None and text[slice(*span)] == phrase.name and not cuts_word(text, span):
        return phrase
    span = find_phrase(phrase.name, text, near=phrase.span)
    return replace(phrase, span=span, name=text[slice(*span)] if span else phrase.name)


def _is_date(name: str) -> bool:
    return any(date.span == (0, len(name)) for date in dates_in(name))


def _labelled(phrase: Phrase, labels: Sequence[str]) -> Phrase:
    """A phrase with the one label that the relation asks for, where it was not sure."""
    if not labels or (phrase.label is not None and (phrase.label in labels or not phrase.guessed)):
        return phrase
    return replace(phrase, label=labels[0] if len(labels) == 1 else None, guessed=False)


def _identity(fact: ExtractedFact, kind: RelationType) -> tuple[object, ...]:
    ends = (fact.head.name.casefold(), fact.tail.name.casefold())
    return (fact.relation, *(sorted(ends) if kind.symmetric else ends))
