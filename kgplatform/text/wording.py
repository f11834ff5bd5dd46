"""Facts as sentences by rules: ``BORDERS`` of Poland and Germany is "Poland borders Germany."

A relation's name is read as a verb ("borders", "has capital"), as what needs one ("in region",
"born in", "subregion of") or as a noun ("place of birth"). What it cannot be told from is its own
name; the sentence is plain, and says what the fact says.
"""

from __future__ import annotations

from collections.abc import Sequence

from kgplatform.text.words import relation_words

_PREPOSITIONS = frozenset(
    "in of by at to on from with for near beside under over into after before since until".split()  # noqa: SIM905
)
_SINGULAR = {"is": "are", "was": "were", "has": "have", "does": "do", "goes": "go"}
_PLURAL = frozenset(_SINGULAR.values())
_PAST = frozenset(
    "died lived worked studied played served graduated fought reigned ruled grew came won wrote "  # noqa: SIM905
    "made built led drew held taught knew met".split()
)
"""Verbs that need no other; ``located in`` and ``born in`` do."""

_BEGUN_AND_OVER = frozenset(["born", "killed", "buried", "founded", "established"])
_NO_VERBS = ("ss", "us", "is", "ies")


def sentence_of(relation: str, heads: Sequence[str], tails: Sequence[str]) -> str:
    """Facts of one relation as a sentence: each of ``heads`` with each of ``tails``.

    Args:
        relation: Its name.
        heads: Names of entities, at least one.
        tails: Names of entities, at least one.
    """
    words = relation_words(relation).split()
    first, last = words[0], words[-1]
    many = len(heads) > 1
    subject, objects = listed(heads), listed(tails)
    if first in _PREPOSITIONS:
        return f"{subject} {'are' if many else 'is'} {_with_article(words)} {objects}."
    if (first in _PAST and last != "by") or (first.endswith("ed") and last not in _PREPOSITIONS):
        return f"{subject} {_with_article(words)} {objects}."
    if _is_verb(first):
        verb = _of_many(first) if many else first
        noun = _nouns(words[1:]) if len(tails) > 1 else words[1:]
        return f"{subject} {' '.join([verb, *_article_before(noun)])} {objects}."
    if last in _PREPOSITIONS:
        verb = "was" if first in _BEGUN_AND_OVER else "is"
        kind = ("" if many else "a ") if last == "of" and first not in ("a", "an", "the") else ""
        if kind and first[0] in "aeiou":
            kind = "an "
        return f"{subject} {_of_many(verb) if many else verb} {kind}{' '.join(words)} {objects}."
    return f"The {' '.join(words)} of {subject} is {objects}."


def listed(names: Sequence[str]) -> str:
    """Names in a row: "A, B and C"."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _is_verb(word: str) -> bool:
    """Whether a word looks like a verb of the third person: ``borders``, not ``status``."""
    if word in _SINGULAR or word in _PLURAL:
        return True
    return len(word) > 3 and word.endswith("s") and not word.endswith(_NO_VERBS)


def _of_many(verb: str) -> str:
    """The form that goes with more than one: ``border``, ``are``."""
    if verb in _SINGULAR:
        return _SINGULAR[verb]
    if verb.endswith(("ches", "shes", "sses", "xes", "zes")):
        return verb[:-2]
    return verb[:-1] if verb.endswith("s") else verb


def _nouns(words: Sequence[str]) -> list[str]:
    """``official language`` as several: ``official languages``; nothing of a preposition."""
    if not words or words[-1] in _PREPOSITIONS or words[-1].endswith("s"):
        return list(words)
    last = words[-1]
    many = f"{last[:-1]}ies" if last.endswith("y") and last[-2:-1] not in "aeiou" else f"{last}s"
    return [*words[:-1], many]


def _with_article(words: Sequence[str]) -> str:
    """``in region`` with its article: ``in the region``."""
    return " ".join([words[0], *_article_before(words[1:])])


def _article_before(words: Sequence[str]) -> list[str]:
    """An article before a noun; none where nothing or a preposition follows."""
    if not words or words[0] in _PREPOSITIONS or words[-1] in _PREPOSITIONS:
        return list(words)
    return ["the", *words]
