"""Questions that could be asked of a graph, made from what its relations and labels are called."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kgplatform.answer.plans import GraphShape, Plan
from kgplatform.answer.question_words import (
    Reading,
    past_participle,
    plural,
    readings,
    sayings,
    third_person,
)
from kgplatform.store.ask import Step

OUTER = 5
"""Phrasings of the last step, of either kind, that those of several steps are made with."""

_THING = re.compile(r"(?:what|who) (?:is|are) (the [^{]+ of \{x\})")


@dataclass(frozen=True, slots=True)
class Phrased:
    """A question without its names.

    Attributes:
        text: With ``X`` for the first entity that it names and ``Y`` for the second.
        plan: What answers it.
        pattern: What it was made by; questions of one pattern are alike.
    """

    text: str
    plan: Plan
    pattern: str


@dataclass(frozen=True, slots=True)
class Said:
    """How a step from ``{x}`` can be said.

    Attributes:
        questions: Whole questions, by their pattern.
        things: Noun phrases for what it leads to.
        predicates: What is true of those it leads to: "border {x}".
        counted: Whole questions of how many.
    """

    questions: tuple[tuple[str, str], ...]
    things: tuple[str, ...]
    predicates: tuple[str, ...]
    counted: tuple[str, ...]


def said(step: Step, start: str, end: str) -> Said:
    """The phrasings of a step.

    Args:
        step: Which.
        start: What entities are called from which it can be taken: ``country``.
        end: What those are called that it leads to.
    """
    questions: list[str] = []
    things: list[str] = []
    predicates: list[str] = []
    counted: list[str] = []
    for reading in readings(step.relation):
        make = _backward if step.inverse else _forward
        for kept, found in zip(
            (questions, things, predicates, counted), make(reading, start, end), strict=True
        ):
            kept += found
    patterns = [(text, _shape(text, step, start, end)) for text in questions]
    more = sayings(step.relation)[1 if step.inverse else 0]
    patterns += [(text, text) for text in more]
    things += [found[1] for text in more if (found := _THING.fullmatch(text))][:1]
    return Said(tuple(patterns), tuple(things), tuple(predicates), tuple(counted))


def _shape(text: str, step: Step, start: str, end: str) -> str:
    """A pattern's name: the text without the words of its relation and labels."""
    for reading in readings(step.relation):
        for word in (reading.word, plural(reading.word), past_participle(reading.word)):
            text = text.replace(word, "*")
    return text.replace(plural(end), "E").replace(end, "E").replace(start, "S")


Forms = tuple[list[str], list[str], list[str], list[str]]


def _forward(reading: Reading, start: str, end: str) -> Forms:
    """From head to tail."""
    word, ends, verb = reading.word, plural(end), reading.verb
    if reading.kind == "noun":
        words = plural(word)
        used = past_participle(verb) if verb else ""
        asked = [
            f"what is the {word} of {{x}}", f"which {word} does {{x}} have", f"{{x}} {word}",
            f"{word} of {{x}}", f"what are the {words} of {{x}}", f"name the {word} of {{x}}",
            f"who is the {word} of {{x}}", f"what is {{x}} 's {word}", f"what {word} has {{x}}",
        ]  # fmt: skip
        if verb:
            asked += [
                f"which {word} does {{x}} {verb}", f"what {word} do people {verb} in {{x}}",
                f"what {word} is {used} in {{x}}", f"{word} in {{x}}",
            ]  # fmt: skip
        return (
            asked,
            [f"the {word} of {{x}}", f"{{x}} 's {word}"],
            [f"are {words} of {{x}}", *([f"are {used} in {{x}}"] if verb else [])],
            [f"how many {words} does {{x}} have", f"number of {words} of {{x}}"],
        )
    if reading.kind == "verb":
        done = past_participle(word)
        return (
            [
                f"what does {{x}} {word}", f"which {end} does {{x}} {word}",
                f"which {ends} are {done} in {{x}}", f"what do people {word} in {{x}}",
                f"which {ends} {word} {{x}}", f"{ends} of {{x}}", f"who does {{x}} {word}",
                f"what {ends} are {done} by {{x}}", f"what {end} do they {word} in {{x}}",
            ],
            [f"the {ends} that {{x}} {third_person(word)}", f"the {end} of {{x}}"],
            [f"are {done} in {{x}}", f"are {done} by {{x}}"],
            [
                f"how many {ends} does {{x}} {word}", f"how many {ends} are {done} in {{x}}",
                f"number of {ends} in {{x}}", f"how many {plural(word)} does {{x}} have",
            ],
        )  # fmt: skip
    if reading.kind == "participle":
        way = f"{word} {reading.preposition}"
        return (
            [
                f"what is {{x}} {way}", f"{reading.preposition} which {end} is {{x}} {word}",
                f"how is {{x}} {word}", f"which {end} is {{x}} {way}", f"{end} of {{x}}",
                f"what {end} does {{x}} use", f"where was {{x}} {word}",
            ],
            [f"the {end} that {{x}} is {way}", f"the {end} of {{x}}"],
            [f"{{x}} is {way}"],
            [f"how many {ends} is {{x}} {way}"],
        )  # fmt: skip
    if reading.kind == "place":
        at = reading.preposition
        return (
            [
                f"which {word} is {{x}} {at}", f"what is the {word} of {{x}}",
                f"{at} which {word} is {{x}}", f"{word} of {{x}}", f"{{x}} {word}",
                f"what {word} does {{x}} belong to", f"where is {{x}}",
            ],
            [f"the {word} of {{x}}", f"the {word} that {{x}} is {at}"],
            [f"are {plural(word)} of {{x}}"],
            [f"how many {plural(word)} does {{x}} have", f"how many {plural(word)} is {{x}} {at}"],
        )  # fmt: skip
    if reading.kind == "beside":
        return (
            [
                f"what is {word} {{x}}", f"which {ends} are {word} {{x}}", f"{ends} {word} {{x}}",
                f"what lies {word} {{x}}", f"name {ends} {word} {{x}}",
            ],
            [f"the {ends} {word} {{x}}"],
            [f"are {word} {{x}}"],
            [f"how many {ends} are {word} {{x}}"],
        )  # fmt: skip
    return (
        [f"what is {{x}} a {word} of", f"which {end} is {{x}} a {word} of", f"{end} of {{x}}"],
        [f"the {end} that {{x}} is a {word} of"],
        [f"have {{x}} as a {word}"],
        [f"how many {ends} is {{x}} a {word} of"],
    )


def _backward(reading: Reading, start: str, end: str) -> Forms:
    """From tail to head; ``end`` is what heads are called."""
    word, ends, verb = reading.word, plural(end), reading.verb
    if reading.kind == "noun":
        asked = [
            f"which {end} has the {word} {{x}}", f"{{x}} is the {word} of which {end}",
            f"which {end} is {{x}} the {word} of", f"whose {word} is {{x}}",
            f"{ends} with the {word} {{x}}", f"which {ends} have {{x}} as {word}",
            f"{ends} with {{x}} as {word}", f"in which {ends} is {{x}} the {word}",
            f"in which {end} is {{x}} an {word}",
        ]  # fmt: skip
        vps = [f"have the {word} {{x}}", f"have {{x}} as {word}"]
        if verb:
            asked += [
                f"which {ends} {verb} {{x}}", f"where is {{x}} {past_participle(verb)}",
                f"who {third_person(verb)} {{x}}", f"which {ends} {verb} the {word} {{x}}",
            ]  # fmt: skip
            vps.insert(0, f"{verb} {{x}}")
        return (
            asked,
            [f"the {end} whose {word} is {{x}}", f"the {end} with the {word} {{x}}"],
            vps,
            [f"how many {ends} {vp}" for vp in vps] + [f"in how many {ends} is {{x}} the {word}"],
        )
    if reading.kind == "verb":
        done = past_participle(word)
        return (
            [
                f"which {ends} {word} {{x}}", f"who {third_person(word)} {{x}}",
                f"what {third_person(word)} {{x}}", f"where do people {word} {{x}}",
                f"in which {ends} is {{x}} {done}", f"where is {{x}} {done}",
                f"{ends} that {word} {{x}}",
            ],
            [f"the {ends} that {word} {{x}}"],
            [f"{word} {{x}}"],
            [f"how many {ends} {word} {{x}}", f"in how many {ends} is {{x}} {done}"],
        )  # fmt: skip
    if reading.kind in ("participle", "place"):
        way = (
            f"{word} {reading.preposition}"
            if reading.kind == "participle"
            else (reading.preposition)
        )
        asked = [
            f"which {ends} are {way} {{x}}", f"what is {way} {{x}}", f"{ends} {way} {{x}}",
            f"list the {ends} of {{x}}", f"who was {way} {{x}}", f"name {ends} {way} {{x}}",
        ]  # fmt: skip
        asked += (
            [f"what {ends} does {{x}} have", f"which {ends} are in {{x}}"]
            if reading.kind == "place"
            else [f"which {ends} use {{x}}", f"which {ends} use the {{x}} {start}"]
        )
        return (
            asked,
            [f"the {ends} {way} {{x}}"],
            [f"are {way} {{x}}"],
            [f"how many {ends} are {way} {{x}}", f"number of {ends} {way} {{x}}"],
        )
    if reading.kind == "beside":
        return (
            [f"which {end} is {{x}} {word}", f"{word} which {end} is {{x}}"],
            [f"the {ends} that {{x}} is {word}"],
            [f"have {{x}} {word} them"],
            [f"how many {ends} is {{x}} {word}"],
        )
    words = plural(word)
    return (
        [
            f"which {words} does {{x}} have", f"what are the {words} of {{x}}",
            f"{words} of {{x}}", f"which {ends} are {words} of {{x}}",
        ],
        [f"the {words} of {{x}}"],
        [f"are {words} of {{x}}"],
        [f"how many {words} does {{x}} have"],
    )  # fmt: skip


def checks(step: Step, end: str, symmetric: bool) -> list[str]:
    """Whether a step leads from ``{x}`` to ``{y}``, as questions."""
    found: list[str] = []
    x, y = ("{y}", "{x}") if step.inverse else ("{x}", "{y}")
    for reading in readings(step.relation):
        word, at = reading.word, reading.preposition
        if reading.kind == "noun":
            found += [f"is {y} the {word} of {x}", f"does {x} have the {word} {y}"]
            found += [f"does {x} {reading.verb} {y}"] if reading.verb else []
            found += [f"is {y} an {word} of {x}"]
        elif reading.kind == "verb":
            found += [f"does {x} {word} {y}", f"is {y} {past_participle(word)} in {x}"]
            found += [f"do people {word} {y} in {x}"]
        elif reading.kind == "part":
            found += [f"is {x} a {word} of {y}"]
        elif reading.kind == "participle":
            found += [f"is {x} {word} {at} {y}"]
        else:
            where = at or word
            found += [f"is {x} {where} {y}", f"is {x} {where} the {end} {y}"]
        if symmetric:
            found += [f"do {x} and {y} {word}", f"are {x} and {y} neighbours"][
                : 1 + ("border" in word)
            ]
            found += [f"do {x} and {y} share a {word}"]
    return found


def paired(
    first: Sequence[str], second: Sequence[str], end: str, adjective: bool
) -> Iterator[tuple[str, str]]:
    """What is true of both, as questions with their patterns; by predicates of ``{x}``."""
    ends = plural(end)
    for one in first[:2]:
        for other in (text.replace("{x}", "{y}") for text in second[:2]):
            yield f"which {ends} {one} and {other}", "both and"
            yield f"{ends} that {one} and {other}", "both that"
            if one.replace("{x}", "{y}") == other:
                yield f"which {ends} {one.replace('{x}', 'both {x} and {y}')}", "both both"
                yield f"{ends} that {one.replace('{x}', '{x} and {y}')}", "both that both"
    if adjective:
        for other in (text.replace("{x}", "{y}") for text in second[:2]):
            yield f"which {{x}} {ends} {other}", "both adjective"
            yield f"which {ends} in {{x}} {other}", "both in"


def ranked(step: Step, start: str, end: str) -> list[str]:
    """From which entity a step leads to most others, as questions."""
    starts, ends = plural(start), plural(end)
    found = [f"which {start} has the most {ends}"]
    for reading in readings(step.relation):
        word = reading.word
        if step.inverse:
            found += [f"most common {start}", f"which {start} has the most {ends} {word}"]
            verb = reading.verb or (word if reading.kind == "verb" else "")
            found += [f"which {start} is {past_participle(verb)} in most {ends}"] if verb else []
        else:
            found += [
                f"{start} with the most {plural(word)}",
                f"which {start} has most {plural(word)}",
            ]
            verb = reading.verb or (word if reading.kind == "verb" else "")
            found += [f"which {start} {third_person(verb)} the most {ends}"] if verb else []
        if "border" in word:
            found += [f"which {start} has the most neighbours"]
    return list(dict.fromkeys(found)) if starts else []


def phrased(shape: GraphShape, plans: Sequence[Plan]) -> list[Phrased]:
    """Questions for plans, each with what it was made by."""
    known = {
        step: said(step, shape.start_word(step), shape.end_word(step)) for step in shape.starts
    }
    found: dict[tuple[str, Plan], str] = {}
    for plan in plans:
        for text, pattern in _of_plan(shape, plan, known):
            text = text.replace("{x}", "X").replace("{y}", "Y")
            found.setdefault((text, plan), pattern)
    return [Phrased(text, plan, pattern) for (text, plan), pattern in found.items()]


def _of_plan(shape: GraphShape, plan: Plan, known: dict[Step, Said]) -> Iterator[tuple[str, str]]:
    first, last = plan.steps[0], plan.steps[-1]
    if plan.form == "rank":
        texts = ranked(first, shape.start_word(first), shape.end_word(first))
        yield from ((text, f"rank {at}") for at, text in enumerate(texts))
    elif plan.form == "check":
        texts = checks(first, shape.end_word(first), first.relation in shape.symmetric)
        yield from ((text, f"check {at}") for at, text in enumerate(texts))
    elif plan.form == "both":
        adjective = first.inverse and any(r.kind == "place" for r in readings(first.relation))
        predicates = known[first].predicates, known[last].predicates
        for text, pattern in paired(*predicates, shape.end_word(last), adjective):
            yield (f"how many {text.removeprefix('which ')}" if plan.count else text), pattern
    elif plan.count:
        yield from ((text, f"count {at}") for at, text in enumerate(known[first].counted))
    elif len(plan.steps) == 1:
        yield from known[first].questions
        for role in shape.roles(first):
            yield from said(first, shape.start_word(first), role).questions
        if first.relation in shape.symmetric:
            yield from known.get(Step(first.relation, True), known[first]).questions
    else:
        things = (*known[first].things[:2], *known[first].things[2:][-1:])
        for step in plan.steps[1:-1]:
            things = tuple(
                around.replace("{x}", thing)
                for around in known[step].things[:1]
                for thing in things
            )
        outer = known[last].questions
        for text, pattern in (*outer[:OUTER], *outer[OUTER:][-OUTER:]):
            for at, thing in enumerate(things):
                yield text.replace("{x}", thing), f"{at} in {pattern}"
