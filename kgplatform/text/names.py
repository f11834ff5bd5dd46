"""Names of entities in texts: exact and alias matches by an Aho-Corasick automaton.

Aho and Corasick 1975, "Efficient string matching": all names are looked for at once, in a time
that does not depend on how many they are.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ahocorasick_rs import AhoCorasick

from kgplatform.errors import InputError
from kgplatform.text.chunk import is_wide

SHORT_NAME = 4
"""Letters up to which a name in capitals (IT, WHO) is meant only where it is so written."""

QUOTES = str.maketrans({"\u2019": "'", "\u2018": "'", "\u02bc": "'", "\u2010": "-", "\u2011": "-"})
"""Marks that texts and names write in more than one way."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a text holds a name.

    Attributes:
        start: Where it begins, in characters.
        end: Where it ends, exclusive.
        entities: Positions of the entities that have the name, in the order of the gazetteer.
        exact: Which of them have it exactly as the text writes it.
    """

    start: int
    end: int
    entities: tuple[int, ...]
    exact: tuple[bool, ...]


class Gazetteer:
    """Names and aliases of entities.

    Args:
        names: Names of each entity by its entity_id. Empty ones and repetitions do no harm.

    Attributes:
        entities: entity_ids, [N].

    Raises:
        InputError: No entity has a name.
    """

    def __init__(self, names: Mapping[str, Iterable[str]]) -> None:
        self.entities = tuple(names)
        known: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        for position, named in enumerate(names.values()):
            for name in dict.fromkeys(" ".join(name.split()) for name in named):
                if folded := _folded(name)[0].strip():
                    known[folded][name].append(position)
        if not known:
            raise InputError("no entity has a name to look for", hint="give them names or aliases")
        self._known = [
            {name: tuple(rows) for name, rows in written.items()} for written in known.values()
        ]
        self._automaton = AhoCorasick(list(known))

    def find(self, text: str) -> list[Place]:
        """The names in a text, in order; where some overlap, the longest, else the first.

        A name begins and ends at a border of words. Case does not matter, except of short names
        in capitals and of names of one character; nor do the number of spaces, the form of
        apostrophes and hyphens, or whether accents are letters of their own.
        """
        folded, places = _folded(text)
        found = [
            match
            for match in self._automaton.find_matches_as_indexes(folded, overlapping=True)
            if _is_border(folded, match[1]) and _is_border(folded, match[2])
        ]
        found.sort(key=lambda match: (match[1] - match[2], match[1]))
        taken = bytearray(len(folded))
        kept: list[Place] = []
        for name, first, last in found:
            if any(taken[first:last]):
                continue
            start, end = places[first], places[last]
            end = start + len(text[start:end].rstrip())
            place = self._place(name, text, start, end)
            if place is not None:
                taken[first:last] = b"\1" * (last - first)
                kept.append(place)
        return sorted(kept, key=lambda place: place.start)

    def _place(self, name: int, text: str, start: int, end: int) -> Place | None:
        surface = " ".join(text[start:end].split())
        meant: dict[int, bool] = {}
        for written, rows in self._known[name].items():
            exact = written == surface
            if exact or not _needs_case(written):
                for row in rows:
                    meant[row] = meant.get(row, False) or exact
        rows = tuple(sorted(meant))
        return Place(start, end, rows, tuple(meant[row] for row in rows)) if rows else None


def _needs_case(name: str) -> bool:
    letters = [letter for letter in name if letter.isalpha()]
    return len(name) == 1 or (len(letters) <= SHORT_NAME and all(map(str.isupper, letters)))


def _folded(text: str) -> tuple[str, list[int]]:
    """A text without case, and where each character of it, and its end, is in the text.

    Letter by letter, so that places are kept: accents become letters of their own, which makes
    both ways of writing é the same.
    """
    folded: list[str] = []
    places: list[int] = []
    space = False
    for place, letter in enumerate(text.translate(QUOTES)):
        if letter.isspace():
            if not space:
                folded.append(" ")
                places.append(place)
            space = True
            continue
        space = False
        plain = letter if letter.isascii() else unicodedata.normalize("NFD", letter)
        for each in unicodedata.normalize("NFD", plain.casefold()):
            # A lone surrogate has no place in the automaton; no name has one.
            folded.append("\ufffd" if "\ud800" <= each <= "\udfff" else each)
            places.append(place)
    return "".join(folded), [*places, len(text)]


def _is_border(text: str, place: int) -> bool:
    """Whether a word can begin or end at a place: not between two letters, digits or accents."""
    if place in (0, len(text)):
        return True
    before, after = text[place - 1], text[place]
    if unicodedata.combining(after):
        return False
    if is_wide(before) or is_wide(after):
        # Scripts that put no spaces between words.
        return True
    return not (_is_word(before) and _is_word(after))


def _is_word(letter: str) -> bool:
    return letter.isalnum() or letter == "_" or bool(unicodedata.combining(letter))
