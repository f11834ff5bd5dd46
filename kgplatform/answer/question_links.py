"""Which entities a question names, spelled badly too."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from kgplatform.store.client import Store
from kgplatform.store.named import find_named
from kgplatform.store.names import EntityNames, read_names
from kgplatform.text.names import Gazetteer

COMPARED = 200_000
"""Names that a misspelt one is compared with one by one; in larger graphs the full-text index picks
some first."""

LONGEST = 5
"""Words of a name that may be misspelt."""

SHORTEST = 4
LIKE = 0.8
"""Likeness from which a word may be a misspelt name; of four letters one may be wrong."""

LIKE_SHORT = 0.75
SHORTENED = 0.93
"""What a name without its last word is worth."""

MOST_MISSPELT = 3
MOST_NAMED = 4
"""Places of a question that are looked at, and entities of one name."""

_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)?")


@dataclass(frozen=True, slots=True)
class Named:
    """A place in a question that may mean an entity.

    Attributes:
        start: Where it begins, in characters.
        end: Where it ends.
        entity: entity_id.
        likeness: Of what is written and the name, 1 where they are the same.
        prior: Share of the facts of all entities of that name that are its own.
    """

    start: int
    end: int
    entity: str
    likeness: float
    prior: float


@dataclass(frozen=True)
class QuestionNames:
    """The names of a graph, to be found in questions.

    Attributes:
        graph: Which.
        known: Names and numbers of facts by entity.
        gazetteer: The same, to be found as they are written; None where nothing has a name.
        written: All names in small letters, [M]; empty where there are too many to compare with.
        owner: Whose each is, [M].
        shortened: Entities by their names without the last word, in small letters.
        facts: How many facts each entity has.
        called: What each is called.
    """

    graph: str
    known: EntityNames
    gazetteer: Gazetteer | None
    written: tuple[str, ...]
    owner: tuple[str, ...]
    shortened: dict[str, tuple[str, ...]]
    facts: dict[str, int]
    called: dict[str, str]


def read_question_names(store: Store, graph: str) -> QuestionNames:
    """The names of a graph.

    Raises:
        InputError: There is no such graph.
    """
    known = read_names(store, graph)
    # Ids are names, too, where nothing else is: `john_milton`.
    names = {
        key: tuple(dict.fromkeys((*filter(None, of), key.replace("_", " "))))
        for key, of in known.names.items()
    }
    pairs = [(name.lower(), key) for key, of in names.items() for name in of]
    few = pairs if len(pairs) <= COMPARED else []
    facts = dict(zip(known.names, known.facts.tolist(), strict=True))
    return QuestionNames(
        graph,
        known,
        Gazetteer(names) if names else None,
        tuple(name for name, _ in few),
        tuple(key for _, key in few),
        _by_short_name(pairs),
        facts,
        {key: of[0] or key for key, of in known.names.items()},
    )


def _by_short_name(pairs: Sequence[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = {}
    for name, key in pairs:
        short, _, last = name.rpartition(" ")
        if len(short) >= SHORTEST and last:
            found.setdefault(short, {})[key] = None
    return {short: tuple(keys) for short, keys in found.items() if len(keys) <= MOST_NAMED}


def find_names(names: QuestionNames, store: Store, question: str) -> list[Named]:
    """The places of a question that may name entities, in order; several may be of one place."""
    text = question.replace("_", " ")
    found = [] if names.gazetteer is None else names.gazetteer.find(text)
    named: list[Named] = []
    taken = np.zeros(len(text) + 1, dtype=bool)
    for place in found:
        # A capital at the beginning says nothing of a name, small letters within say a little.
        entities = [names.gazetteer.entities[at] for at in place.entities]  # type: ignore[union-attr]
        named += _shared(names, place.start, place.end, entities, 1.0)
        taken[place.start : place.end] = True
    misspelt = _misspelt(names, store, text, taken)
    for each in misspelt:
        taken[each.start : each.end] = True
    named += [*misspelt, *_shortened(names, text, taken)]
    kept: dict[tuple[int, int, str], Named] = {}
    for each in sorted(named, key=lambda each: (each.start, -each.likeness, -each.prior)):
        kept.setdefault((each.start, each.end, each.entity), each)
    return list(kept.values())


def _shared(
    names: QuestionNames, start: int, end: int, entities: Sequence[str], likeness: float
) -> Iterator[Named]:
    counts = np.array([names.facts.get(entity, 0) + 1.0 for entity in entities])
    order = np.argsort(-counts, kind="stable")[:MOST_NAMED]
    for at in order.tolist():
        yield Named(start, end, entities[at], likeness, float(counts[at] / counts.sum()))


def _shortened(names: QuestionNames, text: str, taken: np.ndarray) -> Iterator[Named]:
    """Names without their last word, where nothing has that name: ``Cyrillic`` of a script."""
    spans = [(match.start(), match.end()) for match in _WORD.finditer(text)]
    for size, at in itertools.product(range(LONGEST, 0, -1), range(len(spans))):
        if at + size > len(spans):
            continue
        start, end = spans[at][0], spans[at + size - 1][1]
        owners = names.shortened.get(text[start:end].lower(), ())
        if owners and not taken[start:end].any():
            yield from _shared(names, start, end, owners, SHORTENED)
            taken[start:end] = True


def _misspelt(names: QuestionNames, store: Store, text: str, taken: np.ndarray) -> list[Named]:
    """Words that are nearly a name, beside those that are one; the likest first."""
    spans = [(match.start(), match.end()) for match in _WORD.finditer(text)]
    options: list[tuple[float, int, int, str]] = []
    for size, at in itertools.product(range(1, LONGEST + 1), range(len(spans))):
        if at + size > len(spans):
            continue
        start, end = spans[at][0], spans[at + size - 1][1]
        written = text[start:end].lower()
        if len(written) < SHORTEST or taken[start:end].any():
            continue
        least = LIKE if len(written) > SHORTEST else LIKE_SHORT
        for likeness, entity in _alike(names, store, written, least):
            options.append((likeness, start, end, entity))
    options.sort(key=lambda each: (-each[0] - 0.01 * (each[2] - each[1]), each[1]))
    kept: list[Named] = []
    places: set[tuple[int, int]] = set()
    for likeness, start, end, entity in options:
        crossing = any(s < end and start < e and (s, e) != (start, end) for s, e in places)
        if crossing or (len(places) == MOST_MISSPELT and (start, end) not in places):
            continue
        places.add((start, end))
        kept.append(Named(start, end, entity, likeness, 1.0))
    return kept


def _alike(
    names: QuestionNames, store: Store, written: str, least: float
) -> Iterator[tuple[float, str]]:
    from rapidfuzz import process
    from rapidfuzz.distance import OSA

    if names.written:
        found = process.extract(
            written,
            names.written,
            scorer=OSA.normalized_similarity,
            score_cutoff=least,
            limit=MOST_NAMED,
        )
        yield from ((float(score), names.owner[at]) for _, score, at in found)
        return
    near = find_named(store, names.graph, [written], top_k=MOST_NAMED)
    for entity, called in near.names.items():
        likeness = max(OSA.normalized_similarity(written, name.lower()) for name in called)
        if likeness >= least:
            yield likeness, entity


def masked(question: str, places: Sequence[tuple[int, int]]) -> str:
    """A question with ``X`` and ``Y`` in the place of names, without marks at its end."""
    text = question.replace("_", " ")
    for (start, end), mark in sorted(zip(places, "XY", strict=False), reverse=True):
        text = f"{text[:start]}{mark}{text[end:]}"
    return " ".join(text.replace("?", " ").replace("X's", "X 's").split()).rstrip(" .!")
