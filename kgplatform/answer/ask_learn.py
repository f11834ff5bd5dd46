"""What answering learns from a graph and from users' examples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kgplatform.answer.ask_choose import Planner, choices
from kgplatform.answer.ask_template import run_plan
from kgplatform.answer.phrasing import Phrased, phrased
from kgplatform.answer.plan_choice import learn
from kgplatform.answer.plan_index import EXAMPLE, build_index
from kgplatform.answer.plans import Plan, plans_of, shape_of
from kgplatform.answer.question_links import QuestionNames, find_names, masked, read_question_names
from kgplatform.errors import InputError
from kgplatform.progress import Progress, silent
from kgplatform.store.ask import LONGEST, Step
from kgplatform.store.client import Store

if TYPE_CHECKING:
    from kgplatform.joint.qa_questions import Question
    from kgplatform.settings import Settings
    from kgplatform.text.encode import TextEncoder

ENOUGH = 0.5
"""F1 of a plan's ends from which an example without a path is taken to mean it."""


def open_planner(
    store: Store,
    settings: Settings,
    graph: str,
    encoder: TextEncoder,
    examples: Path | None = None,
    progress: Progress = silent,
) -> Planner:
    """What chooses queries for a graph's questions, learnt from the graph and from examples.

    Raises:
        InputError: There is no such graph, it has no facts, or the examples cannot be read.
    """
    shape = shape_of(store, graph)
    names = read_question_names(store, graph)
    if not shape.starts or names.gazetteer is None:
        raise InputError(
            f"graph {graph!r} has no facts to answer by", hint="load some: kgp load SOURCE"
        )
    made = phrased(shape, plans_of(shape))
    index = build_index(shape, made, encoder, settings.text_cache, progress)
    weights, _ = learn(index, encoder)
    planner = Planner(names, index, weights, encoder)
    if examples is None:
        return planner
    from kgplatform.joint.qa_questions import read_questions

    given = list(_examples(store, planner, read_questions(examples)))
    if not given:
        raise InputError(
            f"{examples}: no question can be tied to graph {graph!r}",
            hint="name entities as the graph does, or give a column path",
        )
    index = build_index(shape, [*made, *given], encoder, settings.text_cache, progress)
    weights, _ = learn(index, encoder)
    return Planner(names, index, weights, encoder)


def _examples(store: Store, planner: Planner, questions: Sequence[Question]) -> Iterator[Phrased]:
    """Examples as phrasings of plans; those that cannot be tied to the graph are left out."""
    known = set(planner.index.shape.starts)
    for question in questions:
        if question.path is not None:
            found = _with_path(store, planner.names, question)
            plan = found and Plan("follow", steps_of(question.path))
            if plan and 0 < len(plan.steps) <= LONGEST and set(plan.steps) <= known:
                yield Phrased(found, plan, EXAMPLE + found)
        elif (meant := _by_answers(store, planner, question)) is not None:
            yield meant


def steps_of(path: Sequence[str]) -> tuple[Step, ...]:
    """A path as examples have it: ``^`` before a relation that is walked from tail to head."""
    return tuple(Step(each.removeprefix("^"), each.startswith("^")) for each in path)


def _with_path(store: Store, names: QuestionNames, question: Question) -> str:
    """A question without the name of its topic; empty where it names nothing."""
    named = find_names(names, store, question.text)
    if question.topic is not None:
        called = {question.topic, names.called.get(question.topic, question.topic)}
        named = [n for n in named if {n.entity, names.called[n.entity]} & called] or named
    if not named:
        return ""
    best = max(named, key=lambda each: (each.likeness, each.end - each.start, each.prior))
    return masked(question.text, [(best.start, best.end)])


def _by_answers(store: Store, planner: Planner, question: Question) -> Phrased | None:
    """The plan that leads to a question's answers, among the likeliest."""
    wanted = {name.lower() for name in question.answers}
    best: Phrased | None = None
    top = ENOUGH
    for choice in choices(planner, store, question.text, most=12):
        if choice.plan.form not in ("follow", "both") or choice.plan.count:
            continue
        ends = run_plan(store, planner.names.graph, choice).reached.ends
        hit = sum(bool({end.id.lower(), end.name.lower()} & wanted) for end in ends)
        quality = 2 * hit / (len(ends) + len(wanted)) if ends else 0.0
        if quality > top:
            found = find_names(planner.names, store, question.text)
            places = {n.entity: (n.start, n.end) for n in reversed(found)}
            text = masked(question.text, [places[each] for each in choice.entities])
            best, top = Phrased(text, choice.plan, EXAMPLE + text), quality
    return best
