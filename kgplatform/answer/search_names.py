"""Which entities a text calls by name, out of those whose names have some of its words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rapidfuzz.distance import OSA

from kgplatform.store.find import Found, Key
from kgplatform.store.lucene import MOST_ALIKE, content_words

MEANT = 0.5
"""Share of a text's words that a name has to cover, to be what the text is about: of `capital of
Poland`, Poland; not of a sentence that mentions it."""

SLIP = 0.9
"""What a name counts for whose words are only alike."""


@dataclass(frozen=True)
class Named:
    """What a text names.

    Attributes:
        seeds: All that it names, what covers most of its words first.
        meant: Those that cover enough of its words to be what it is about.
    """

    seeds: list[Key]
    meant: list[Found]


def named(text: str, found: Sequence[Found]) -> Named:
    """Those of the candidates whose whole name, or an alias, stands in a text.

    In a short text, a long word may have a letter wrong.
    """
    words = content_words(text)
    alike = len(words) <= MOST_ALIKE
    covered = []
    for each in found:
        share = max((_covered(words, name, alike) for name in each.names), default=0.0)
        if share:
            covered.append(each._replace(score=share))
    covered.sort(key=lambda each: (-each.score, each.key))
    return Named(
        [each.key for each in covered], [each for each in covered if each.score >= MEANT * SLIP]
    )


def _covered(words: Sequence[str], name: str, alike: bool) -> float:
    """The share of words that a name covers; 0 unless each of its own is among them."""
    whole = True
    places = set()
    for own in content_words(name):
        if own in words:
            places.add(own)
            continue
        near = [word for word in words if _slip(own, word)] if alike else []
        if not near:
            return 0.0
        whole = False
        places.add(near[0])
    return len(places) / len(words) * (1.0 if whole else SLIP) if words else 0.0


def _slip(own: str, word: str) -> bool:
    return min(len(own), len(word)) > 3 and OSA.distance(own, word, score_cutoff=1) <= 1
