"""The forms of questions about a relation, by what its name is read as.

``{x}`` is the entity that is named; ``{word}`` and ``{words}`` are the relation's noun, ``{end}``
and ``{ends}`` what is asked for, ``{verb}`` its verb, ``{done}`` what is done, ``{at}`` its
preposition.
"""

from __future__ import annotations

from dataclasses import dataclass

from kgplatform.answer.question_words import (
    Kind,
    Reading,
    past_participle,
    plural,
    third_person,
)


@dataclass(frozen=True, slots=True)
class Forms:
    """How a step can be said.

    Attributes:
        questions: Whole questions.
        things: Noun phrases for what it leads to.
        predicates: What is true of those it leads to: ``border {x}``.
        counted: Whole questions of how many.
    """

    questions: tuple[str, ...] = ()
    things: tuple[str, ...] = ()
    predicates: tuple[str, ...] = ()
    counted: tuple[str, ...] = ()


_BACK_TO_OWNER = Forms(
    (
        "which {end} has the {word} {x}", "{x} is the {word} of which {end}",
        "which {end} is {x} the {word} of", "whose {word} is {x}", "{ends} with the {word} {x}",
        "which {ends} have {x} as {word}", "{ends} with {x} as {word}",
        "in which {ends} is {x} the {word}", "in which {end} is {x} an {word}",
    ),
    ("the {end} whose {word} is {x}", "the {end} with the {word} {x}"),
    ("have the {word} {x}", "have {x} as {word}"),
    (
        "how many {ends} have the {word} {x}", "how many {ends} have {x} as {word}",
        "in how many {ends} is {x} the {word}",
    ),
)  # fmt: skip

FORWARD: dict[Kind, Forms] = {
    "noun": Forms(
        (
            "what is the {word} of {x}", "which {word} does {x} have", "{x} {word}",
            "{word} of {x}", "what are the {words} of {x}", "name the {word} of {x}",
            "who is the {word} of {x}", "what is {x} 's {word}", "what {word} has {x}",
        ),
        ("the {word} of {x}", "{x} 's {word}"),
        ("are {words} of {x}",),
        ("how many {words} does {x} have", "number of {words} of {x}"),
    ),
    "verb": Forms(
        (
            "what does {x} {verb}", "which {end} does {x} {verb}", "which {ends} are {done} in {x}",
            "what do people {verb} in {x}", "which {ends} {verb} {x}", "{ends} of {x}",
            "who does {x} {verb}", "what {ends} are {done} by {x}",
            "what {end} do they {verb} in {x}",
        ),
        ("the {ends} that {x} {does}", "the {end} of {x}"),
        ("are {done} in {x}", "are {done} by {x}"),
        (
            "how many {ends} does {x} {verb}", "how many {ends} are {done} in {x}",
            "number of {ends} in {x}", "how many {words} does {x} have",
        ),
    ),
    "participle": Forms(
        (
            "what is {x} {word} {at}", "{at} which {end} is {x} {word}", "how is {x} {word}",
            "which {end} is {x} {word} {at}", "{end} of {x}", "what {end} does {x} use",
            "where was {x} {word}",
        ),
        ("the {end} that {x} is {word} {at}", "the {end} of {x}"),
        ("{x} is {word} {at}",),
        ("how many {ends} is {x} {word} {at}",),
    ),
    "place": Forms(
        (
            "which {word} is {x} {at}", "what is the {word} of {x}", "{at} which {word} is {x}",
            "{word} of {x}", "{x} {word}", "what {word} does {x} belong to", "where is {x}",
        ),
        ("the {word} of {x}", "the {word} that {x} is {at}"),
        ("are {words} of {x}",),
        ("how many {words} does {x} have", "how many {words} is {x} {at}"),
    ),
    "beside": Forms(
        (
            "what is {word} {x}", "which {ends} are {word} {x}", "{ends} {word} {x}",
            "what lies {word} {x}", "name {ends} {word} {x}",
        ),
        ("the {ends} {word} {x}",),
        ("are {word} {x}",),
        ("how many {ends} are {word} {x}",),
    ),
    "part": Forms(
        ("what is {x} a {word} of", "which {end} is {x} a {word} of", "{end} of {x}"),
        ("the {end} that {x} is a {word} of",),
        ("have {x} as a {word}",),
        ("how many {ends} is {x} a {word} of",),
    ),
}  # fmt: skip
"""From a head to what it leads to."""

BACKWARD: dict[Kind, Forms] = {
    "noun": _BACK_TO_OWNER,
    "verb": Forms(
        (
            "which {ends} {verb} {x}", "who {does} {x}", "what {does} {x}",
            "where do people {verb} {x}", "in which {ends} is {x} {done}", "where is {x} {done}",
            "{ends} that {verb} {x}",
        ),
        ("the {ends} that {verb} {x}",),
        ("{verb} {x}",),
        ("how many {ends} {verb} {x}", "in how many {ends} is {x} {done}"),
    ),
    "participle": Forms(
        (
            "which {ends} are {word} {at} {x}", "what is {word} {at} {x}",
            "{ends} {word} {at} {x}", "list the {ends} of {x}", "who was {word} {at} {x}",
            "name {ends} {word} {at} {x}", "which {ends} use {x}",
            "which {ends} use the {x} {start}",
        ),
        ("the {ends} {word} {at} {x}",),
        ("are {word} {at} {x}",),
        ("how many {ends} are {word} {at} {x}", "number of {ends} {word} {at} {x}"),
    ),
    "place": Forms(
        (
            "which {ends} are {at} {x}", "what is {at} {x}", "{ends} {at} {x}",
            "list the {ends} of {x}", "name {ends} {at} {x}", "what {ends} does {x} have",
            "which {ends} are in {x}",
        ),
        ("the {ends} {at} {x}",),
        ("are {at} {x}",),
        ("how many {ends} are {at} {x}", "number of {ends} {at} {x}"),
    ),
    "beside": Forms(
        ("which {end} is {x} {word}", "{word} which {end} is {x}"),
        ("the {ends} that {x} is {word}",),
        ("have {x} {word} them",),
        ("how many {ends} is {x} {word}",),
    ),
    "part": Forms(
        (
            "which {words} does {x} have", "what are the {words} of {x}", "{words} of {x}",
            "which {ends} are {words} of {x}",
        ),
        ("the {words} of {x}",),
        ("are {words} of {x}",),
        ("how many {words} does {x} have",),
    ),
}  # fmt: skip
"""From a tail to what leads to it."""

WITH_VERB = (
    Forms(
        (
            "which {word} does {x} {verb}", "what {word} do people {verb} in {x}",
            "what {word} is {done} in {x}", "{word} in {x}",
        ),
        (),
        ("are {done} in {x}",),
    ),
    Forms(
        (
            "which {ends} {verb} {x}", "where is {x} {done}", "who {does} {x}",
            "which {ends} {verb} the {word} {x}",
        ),
        (),
        ("{verb} {x}",),
        ("how many {ends} {verb} {x}",),
    ),
)  # fmt: skip
"""What a verb before the noun adds (``uses currency``): of a head, and of a tail."""

CHECKS: dict[Kind, tuple[str, ...]] = {
    "noun": ("is {y} the {word} of {x}", "does {x} have the {word} {y}", "is {y} an {word} of {x}"),
    "verb": ("does {x} {verb} {y}", "is {y} {done} in {x}", "do people {verb} {y} in {x}"),
    "participle": ("is {x} {word} {at} {y}",),
    "place": ("is {x} {at} {y}", "is {x} {at} the {end} {y}"),
    "beside": ("is {x} {word} {y}", "is {x} {word} the {end} {y}"),
    "part": ("is {x} a {word} of {y}",),
}
"""Whether a fact is there."""

SYMMETRIC_CHECKS: dict[Kind, tuple[str, ...]] = {
    "noun": ("do {x} and {y} share a {word}",),
    "verb": ("do {x} and {y} {verb}", "do {x} and {y} share a {verb}"),
}

MOST = (
    ("which {start} has the most {ends}", "{start} with the most {words}",
     "which {start} has most {words}"),
    ("which {start} has the most {ends}", "most common {start}",
     "which {start} has the most {ends} {word}"),
)  # fmt: skip
"""From which a step leads to most: from heads, and from tails."""

MOST_DONE = ("which {start} {does} the most {ends}", "which {start} is {done} in most {ends}")


def filled(
    texts: tuple[str, ...], reading: Reading, start: str, end: str, x: str = "{x}", y: str = "{y}"
) -> list[str]:
    """Forms with the words of a relation and of the labels that it joins."""
    verb = reading.verb or reading.word
    words = {
        "word": reading.word,
        "words": plural(reading.word),
        "start": start,
        "end": end,
        "ends": plural(end),
        "verb": verb,
        "done": past_participle(verb),
        "does": third_person(verb),
        "at": reading.preposition,
        "x": x,
        "y": y,
    }
    return [text.format(**words) for text in texts]
