"""What sentences say of a graph's entities, read out of them by names and the words of relations.

No grammar: a relation is said where its words or synonyms stand (``kgplatform.text.extract`` knows
them), of the names around them whose labels it may join. So it is not seen who of two entities of
one kind does what to the other, and a denial is read as what it denies.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kgplatform.text.extract.phrases import EMPTY, Form, form_of, stem
from kgplatform.text.extract.schema import RelationType, Schema
from kgplatform.text.extract.synonyms import groups_of
from kgplatform.text.names import Gazetteer

_WORD = re.compile(r"\w+")
_FUNCTION_WORDS = frozenset("in of by at to on from with for near and or as".split())  # noqa: SIM905

_OWNED = re.compile(r"\s*of\b")

Core = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Named:
    """A place where a sentence names something.

    Attributes:
        start: Where it begins, in characters.
        end: Where it ends.
        ids: entity_ids that have the name; none where the graph has no such entity.
        text: As it is written.
    """

    start: int
    end: int
    ids: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Reading:
    """A fact that a sentence may state.

    Attributes:
        sentence: Its place among the sentences.
        head: What it is about.
        relation: Name; None where the names alone stand together.
        tail: The other end.
        by: What read it: ``words``, ``names``, ``spacy`` or a language model.
        exact: Whether the words say this relation, rather than the last of its words.
    """

    sentence: int
    head: Named
    relation: str | None
    tail: Named
    by: str
    exact: bool = True


@dataclass(frozen=True, slots=True)
class _Said:
    """Where the words of a relation stand in a sentence."""

    start: int
    end: int
    relation: str
    exact: bool


class Reader:
    """Reads sentences about a graph.

    Args:
        gazetteer: The names of its entities.
        schema: Its relations with the labels that they join.
    """

    def __init__(self, gazetteer: Gazetteer, schema: Schema) -> None:
        self._gazetteer = gazetteer
        self._schema = schema
        self._cores = {name: _cores_of(name, kind) for name, kind in schema.relations.items()}

    def named(self, sentence: str) -> list[Named]:
        """The names of entities in a sentence, in order."""
        ids = self._gazetteer.entities
        return [
            Named(
                place.start,
                place.end,
                tuple(ids[at] for at in place.entities),
                sentence[place.start : place.end],
            )
            for place in self._gazetteer.find(sentence)
        ]

    def read(
        self,
        at: int,
        sentence: str,
        named: Sequence[Named],
        topic: Named,
        labels: Mapping[str, tuple[str, ...]],
    ) -> list[Reading]:
        """What one sentence says by its words.

        Args:
            at: Its place among the sentences.
            sentence: It.
            named: The names in it.
            topic: Of what the text is; the subject where the sentence names none.
            labels: Labels of entities by entity_id.
        """
        said = self._said(sentence, named)
        found: list[Reading] = []
        taken: set[int] = set()
        subject = next((each for each in named if set(each.ids) & set(topic.ids)), topic)
        for place, phrase in enumerate(said):
            first = said[place - 1].end if place else 0
            last = said[place + 1].start if place + 1 < len(said) else len(sentence)
            before = [n for n in named if first <= n.start < phrase.start and n.start not in taken]
            after = [n for n in named if phrase.start < n.start < last]
            kind = self._schema.relations[phrase.relation]
            # "The capital of Poland is Warsaw", as against "It borders Germany and Czechia".
            owned = _OWNED.match(sentence, phrase.end) is not None
            pairs = _pairs(kind, before, after, subject, labels, owned=owned)
            for head, tail in pairs:
                found.append(Reading(at, head, phrase.relation, tail, "words", phrase.exact))
                taken |= {head.start, tail.start}
        return found

    def _said(self, sentence: str, named: Sequence[Named]) -> list[_Said]:
        """Where relations are said, in order; the longest where words belong to several."""
        words = [
            (match.start(), match.end(), match.group().lower())
            for match in _WORD.finditer(sentence)
            if not any(n.start <= match.start() < n.end for n in named)
        ]
        kept = [(start, end, stem(word)) for start, end, word in words if word not in EMPTY]
        found: list[tuple[int, _Said]] = []
        for relation, cores in self._cores.items():
            for core, exact in cores.items():
                for at in range(len(kept) - len(core) + 1):
                    if tuple(word for _, _, word in kept[at : at + len(core)]) == core:
                        place = kept[at][0], kept[at + len(core) - 1][1]
                        if not any(place[0] < n.start < place[1] for n in named):
                            found.append((len(core), _Said(*place, relation, exact)))
        return _longest(found)


def alone(
    at: int, named: Sequence[Named], topic: Named, readings: Iterable[Reading]
) -> list[Reading]:
    """Names that stand in no reading of their sentence, each beside the topic."""
    read = {each for one in readings for each in (one.head.start, one.tail.start)}
    return [
        Reading(at, topic, None, each, "names", exact=False)
        for each in named
        if each.start not in read and not set(each.ids) & set(topic.ids)
    ]


def _cores_of(name: str, kind: RelationType) -> dict[Core, bool]:
    """The words that say a relation, stemmed, and whether they say just this one."""
    own = [form_of(phrase) for phrase in (name, *kind.words)]
    same: set[Form] = set()
    for form in own:
        for group, _ in groups_of(form, named=True):
            same |= group.forward | group.backward
    cores = {form.core: True for form in (*own, *same) if form.core}
    for form in own:
        short = form.core[-1:]
        if len(form.core) > 1 and short[0] not in _FUNCTION_WORDS:
            cores.setdefault(short, False)
    return cores


def _longest(found: Sequence[tuple[int, _Said]]) -> list[_Said]:
    """Those that no longer one covers, in order; one of several of one place and length each."""
    kept: list[tuple[int, _Said]] = []
    for size, said in sorted(found, key=lambda each: (-each[0], not each[1].exact)):
        if not any(
            other.start < said.end
            and said.start < other.end
            and (length > size or other.exact > said.exact or other.relation == said.relation)
            for length, other in kept
        ):
            kept.append((size, said))
    return sorted((said for _, said in kept), key=lambda said: said.start)


def _pairs(
    kind: RelationType,
    before: Sequence[Named],
    after: Sequence[Named],
    subject: Named,
    labels: Mapping[str, tuple[str, ...]],
    *,
    owned: bool,
) -> list[tuple[Named, Named]]:
    """Head and tail of what is said of the names around the words of a relation.

    Args:
        kind: The relation.
        before: Names before its words.
        after: Names behind them.
        subject: What the text is about, where the sentence has it.
        labels: Labels of entities by entity_id.
        owned: Whether "of" follows the words, so that the next name is what they are of.
    """

    def fitting(names: Sequence[Named], wanted: tuple[str, ...]) -> list[Named]:
        return [
            each
            for each in names
            if not wanted or any(set(labels.get(one, ())) & set(wanted) for one in each.ids)
        ]

    heads, tails = kind.heads, kind.tails
    options = [
        (before, after),
        (after, before),
        ([subject], after),
        (after, [subject]),
        (after[:1], after[1:]),
        (after[1:], after[:1]),
        ([subject], before),
        (before, [subject]),
    ]
    if not before and owned:
        options = options[4:6] + options[2:4]
    for one, other in options:
        pairs = [
            (head, tail)
            for head in fitting(one, heads)
            for tail in fitting(other, tails)
            if not set(head.ids) & set(tail.ids)
        ]
        if pairs:
            return pairs
    return []
