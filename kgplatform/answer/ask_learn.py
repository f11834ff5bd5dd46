"""What answering learns from a graph, from users' examples, and from what runs were trained on."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kgplatform.answer.ask_choose import Planner, choices
from kgplatform.answer.ask_runs import Curve
from kgplatform.answer.ask_template import run_plan
from kgplatform.answer.phrasing import Phrased, phrased
from kgplatform.answer.plan_choice import learn
from kgplatform.answer.plan_index import EXAMPLE, build_index
from kgplatform.answer.plans import Plan, plans_of, shape_of
from kgplatform.answer.question_links import QuestionNames, find_names, masked, read_question_names
from kgplatform.errors import InputError
from kgplatform.progress import Progress, silent
from kgplatform.store.ask import LONGEST, Step, follow, ways_of
from kgplatform.store.client import Store

if TYPE_CHECKING:
    from kgplatform.answer.ask import Asker
    from kgplatform.joint.qa_questions import Question
    from kgplatform.settings import Settings
    from kgplatform.text.encode import TextEncoder
    from kgplatform.training.artifacts import Run

TRIALS = 80
"""Questions with known answers that a run's confidence is fitted on."""

ENOUGH = 0.5
"""F1 of a plan's ends from which an example without a path is taken to mean it."""

Trial = tuple[str, frozenset[str]]
"""A question, and the entity_ids that answer it."""


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


def with_curves(asker: Asker, runs: Mapping[str, Run], progress: Progress = silent) -> Asker:
    """The same, with what the confidence of its runs is worth."""
    curves: dict[str, Curve] = {}
    for strategy in ("joint", "walker"):
        if strategy in asker.strategies:
            curves[strategy] = _curve(asker, strategy, runs[strategy], progress)
    return replace(asker, runs=replace(asker.runs, curves=curves))


def _curve(asker: Asker, strategy: str, run: Run, progress: Progress) -> Curve:
    """From the cache, or fitted now and kept there."""
    path = asker.settings.kgp_cache.expanduser() / "ask" / f"{run.id}-{asker.graph}.json"
    try:
        return Curve(**json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        pass
    from kgplatform.answer.ask import offered

    said, right = [], []
    trials = run_trials(asker, strategy, run) or made_trials(asker)
    for at, (question, answers) in enumerate(trials[:TRIALS], 1):
        for answer in offered(asker, question, (strategy,), 1):
            said.append(answer.answers[0].confidence)
            right.append(answer.answers[0].id in answers)
        progress("trying a run", at, len(trials[:TRIALS]))
    curve = fit_curve(np.array(said), np.array(right))
    from kgplatform.training.artifacts import write_atomically

    values = {"slope": curve.slope, "bias": curve.bias, "fitted": curve.fitted}
    write_atomically(path, json.dumps(values))
    return curve


def fit_curve(said: np.ndarray, right: np.ndarray) -> Curve:
    """Platt's curve over log-odds; two questions of no weight keep it finite.

    Platt 1999, "Probabilistic Outputs for Support Vector Machines".
    """
    from sklearn.linear_model import LogisticRegression

    if not len(said):
        return Curve()
    clipped = np.clip(said, 1e-4, 1 - 1e-4)
    odds = np.concatenate([np.log(clipped / (1 - clipped)), [0.0, 0.0]])
    labels = np.concatenate([right.astype(bool), [False, True]])
    model = LogisticRegression(C=1.0).fit(odds[:, None], labels)
    # More confident is never less often right.
    return Curve(max(float(model.coef_[0, 0]), 0.0), float(model.intercept_[0]), len(said))


def run_trials(asker: Asker, strategy: str, run: Run) -> list[Trial]:
    """The validation questions of a run, if the file that it was trained on is there still."""
    from kgplatform.joint.qa_questions import link, read_questions, split_questions
    from kgplatform.joint.qa_settings import settings_of

    place = run.source.get("texts") or run.source.get("questions")
    if strategy != "joint" or asker.runs.joint is None or not place or not Path(place).is_file():
        return []
    answerer = asker.runs.joint[1]
    values = json.loads((run.folder / "joint.json").read_text("utf-8"))
    chosen = settings_of(values["settings"])
    try:
        linked, _ = link(read_questions(Path(place)), answerer.known)
        parts = split_questions(
            linked, chosen.split, valid=chosen.valid_share, test=chosen.test_share,
            seed=chosen.seed,
        )  # fmt: skip
    except InputError:
        return []
    return [
        (each.question.text, frozenset(answerer.entities[at] for at in each.answers))
        for each in parts["valid"]
    ]


def made_trials(asker: Asker, seed: int = 0) -> list[Trial]:
    """Questions made of the graph, with the answers that it gives."""
    generator = np.random.default_rng(seed)
    index, store, graph = asker.planner.index, asker.store, asker.graph
    called = asker.names
    drawn = generator.permutation(np.array(list(called), dtype=object))[: 4 * TRIALS].tolist()
    ways = ways_of(store, graph, drawn)
    found: list[Trial] = []
    for entity in drawn:
        fits = [
            at
            for at, plan in enumerate(index.plans)
            if plan.form == "follow" and not plan.count and plan.steps[0] in ways[entity].facts
        ]
        if not fits or len(found) == TRIALS:
            continue
        plan = int(generator.choice(fits))
        text = index.texts[int(generator.choice(np.flatnonzero(index.plan == plan)))]
        ends = follow(store, graph, entity, index.plans[plan].steps).ends
        if ends:
            question = text.replace("X", called[entity])
            found.append((question, frozenset(end.id for end in ends)))
    return found
