"""Questions that could be asked of a graph, made from what its relations and labels are called."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kgplatform.answer.plans import GraphShape, Plan
from kgplatform.answer.question_forms import (
    BACKWARD,
    CHECKS,
    FORWARD,
    MOST,
    MOST_DONE,
    SYMMETRIC_CHECKS,
    WITH_VERB,
    Forms,
    filled,
)
from kgplatform.answer.question_words import past_participle, plural, readings, sayings
from kgplatform.store.ask import Step

OUTER = 5
"""Phrasings of the last step, of either kind, that those of several steps are made with."""

THINGS = 3
"""Noun phrases of the steps before it."""

COMPOSED = 4_000
FEWEST = 3
"""Phrasings of plans of two relations together, and of each at least: a graph without labels has so
many plans that to read all of them would take minutes."""

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


def phrased(shape: GraphShape, plans: Sequence[Plan]) -> list[Phrased]:
    """Questions for plans, each with what it was made by."""
    known = {s: said(s, shape.start_word(s), shape.end_word(s)) for s in shape.starts}
    found: dict[tuple[str, Plan], str] = {}
    composed = sum(len(plan.steps) > 1 for plan in plans)
    most = max(FEWEST, COMPOSED // max(composed, 1))
    for at, plan in enumerate(plans):
        texts = list(_of_plan(shape, plan, known))
        if len(plan.steps) > 1 and len(texts) > most:
            # Other ones for each plan, so that every pattern has some.
            texts = [texts[(at + each * len(texts) // most) % len(texts)] for each in range(most)]
        for text, pattern in texts:
            text = text.replace("{x}", "X").replace("{y}", "Y")
            found.setdefault((text, plan), pattern)
    return [Phrased(text, plan, pattern) for (text, plan), pattern in found.items()]


def said(step: Step, start: str, end: str) -> Forms:
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
        forms = [(BACKWARD if step.inverse else FORWARD)[reading.kind]]
        if reading.verb:
            forms.insert(0, WITH_VERB[step.inverse])
        for form in forms:
            questions += filled(form.questions, reading, start, end)
            things += filled(form.things, reading, start, end)
            predicates += filled(form.predicates, reading, start, end)
            counted += filled(form.counted, reading, start, end)
    more = sayings(step.relation)[step.inverse]
    meant = [match[1] for text in more if (match := _THING.fullmatch(text))]
    things[2:] = meant + things[2:]
    counted += [f"how many {_noun(thing)} does {{x}} have" for thing in meant]
    return Forms((*questions, *more), tuple(things), tuple(predicates), tuple(counted))


def _noun(thing: str) -> str:
    """``neighbours`` of "the neighbours of {x}"."""
    return plural(thing.removeprefix("the ").removesuffix(" of {x}"))


def _pattern(text: str, step: Step, shape: GraphShape) -> str:
    """A pattern's name: the text without the words of its relation and labels."""
    for reading in readings(step.relation):
        for word in (reading.word, plural(reading.word), past_participle(reading.word)):
            text = text.replace(word, "*")
    end, start = shape.end_word(step), shape.start_word(step)
    return text.replace(plural(end), "E").replace(end, "E").replace(start, "S")


def _of_plan(shape: GraphShape, plan: Plan, known: dict[Step, Forms]) -> Iterator[tuple[str, str]]:
    """Texts with their patterns."""
    first, last = plan.steps[0], plan.steps[-1]
    if plan.form == "rank":
        yield from ((text, f"rank {at}") for at, text in enumerate(_ranked(shape, first)))
    elif plan.form == "check":
        yield from ((text, f"check {at}") for at, text in enumerate(_checks(shape, first)))
    elif plan.form == "both":
        adjective = first.inverse and any(r.kind == "place" for r in readings(first.relation))
        pair = (_predicates(shape, first, known), _predicates(shape, last, known))
        for text, pattern in _paired(*pair, shape.end_word(last), adjective):
            yield (f"how many {text.removeprefix('which ')}" if plan.count else text), pattern
    elif plan.count:
        yield from ((text, f"count {at}") for at, text in enumerate(known[first].counted))
    elif len(plan.steps) == 1:
        for text in _one_step(shape, first, known):
            yield text, _pattern(text, first, shape)
    else:
        things = known[first].things[:THINGS]
        for step in plan.steps[1:-1]:
            things = tuple(
                around.replace("{x}", thing)
                for around in known[step].things[:1]
                for thing in things
            )
        outer = known[last].questions
        for text in dict.fromkeys((*outer[:OUTER], *outer[-OUTER:])):
            for at, thing in enumerate(things):
                yield text.replace("{x}", thing), f"{at} in {_pattern(text, last, shape)}"


def _predicates(shape: GraphShape, step: Step, known: dict[Step, Forms]) -> Sequence[str]:
    """What is true of those a step leads to; of what holds both ways, as of heads first."""
    turned = Step(step.relation, not step.inverse)
    if step.relation in shape.symmetric and turned in known:
        return (*known[turned].predicates[:1], *known[step].predicates)
    return known[step].predicates


def _one_step(shape: GraphShape, step: Step, known: dict[Step, Forms]) -> Iterator[str]:
    yield from known[step].questions
    if step.relation in shape.symmetric:
        yield from known.get(Step(step.relation, not step.inverse), known[step]).questions
    for role in shape.roles(step):
        yield from said(step, shape.start_word(step), role).questions


def _checks(shape: GraphShape, step: Step) -> list[str]:
    """Whether a step leads from ``{x}`` to ``{y}``, as questions."""
    found: list[str] = []
    start, end = shape.start_word(step), shape.end_word(step)
    x, y = ("{y}", "{x}") if step.inverse else ("{x}", "{y}")
    for reading in readings(step.relation):
        texts = CHECKS[reading.kind]
        if reading.verb:
            texts = (*texts, *CHECKS["verb"])
        if step.relation in shape.symmetric:
            texts = (*texts, *SYMMETRIC_CHECKS.get(reading.kind, ()))
        found += filled(texts, reading, start, end, x, y)
    return found


def _paired(
    first: Sequence[str], second: Sequence[str], end: str, adjective: bool
) -> Iterator[tuple[str, str]]:
    """What is true of both, as questions with their patterns; by predicates of ``{x}``."""
    ends = plural(end)
    others = [text.replace("{x}", "{y}") for text in second[:2]]
    for one in first[:2]:
        for other in others:
            yield f"which {ends} {one} and {other}", "both and"
            yield f"{ends} that {one} and {other}", "both that"
            if one.replace("{x}", "{y}") == other:
                yield f"which {ends} {one.replace('{x}', 'both {x} and {y}')}", "both both"
                yield f"{ends} that {one.replace('{x}', '{x} and {y}')}", "both that both"
    for other in others if adjective else ():
        yield f"which {{x}} {ends} {other}", "both adjective"
        yield f"which {ends} in {{x}} {other}", "both in"


def _ranked(shape: GraphShape, step: Step) -> list[str]:
    """From which entity a step leads to most others, as questions."""
    start, end = shape.start_word(step), shape.end_word(step)
    found: list[str] = []
    for reading in readings(step.relation):
        texts: tuple[str, ...] = MOST[step.inverse]
        if reading.verb or reading.kind == "verb":
            texts = (*texts, MOST_DONE[step.inverse])
        found += filled(texts, reading, start, end)
    others = (_THING.fullmatch(text) for text in sayings(step.relation)[step.inverse])
    for match in others:
        if match is not None:
            found.append(f"which {start} has the most {_noun(match[1])}")
    return list(dict.fromkeys(found))
