"""Runs that answer questions: links predicted, questions answered as a whole, walks."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

import numpy as np

from kgplatform.answer.ask_choose import Choice
from kgplatform.answer.ask_template import listed, path_of
from kgplatform.answer.records import Answer, AnswerEntity, Path
from kgplatform.errors import InputError, KGPlatformError, RunError
from kgplatform.progress import Progress, silent
from kgplatform.store.ask import Step, check_fact
from kgplatform.store.client import Store
from kgplatform.store.statements import Kind, Statement
from kgplatform.triples import fact_id

if TYPE_CHECKING:
    from kgplatform.graph.snapshot import KGSnapshot
    from kgplatform.joint.qa_answer import Answerer
    from kgplatform.settings import Settings
    from kgplatform.text.encode import TextEncoder
    from kgplatform.training.artifacts import Run
    from kgplatform.training.predict_tails import TailPredictor
    from kgplatform.walk.run import Walker

JOINT, WALKER = "joint-qa", "walker"

LEAST = 1e-3

TOGETHER = 0.9
"""Share of the first answer's probability from which on another is an answer beside it."""

MOST_ENDS = 200
"""Answers of a run that are looked at for those of the first one's way."""

_WALKING = threading.Lock()
"""A policy has one question's vector at a time."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Platt's curve from what a run says of itself to how often it is right.

    Attributes:
        slope: Of the log-odds that the run says.
        familiar: Of the cosine of the question and the nearest one that the run was trained on: a
            network is as sure of what it never saw.
        bias: Log-odds at even odds of a question that is like none.
        fitted: On how many questions; 0 where none were at hand.
    """

    slope: float = 1.0
    familiar: float = 0.0
    bias: float = 0.0
    fitted: int = 0


@dataclass(frozen=True, eq=False)
class OpenRuns:
    """Runs that are ready.

    Attributes:
        links: Of link prediction.
        joint: Of questions, with its id.
        walker: Of walks in words, with its id.
        curves: From a run's own confidence to how often it is right, by strategy.
        asked: Vectors of the questions that each was trained on, of length 1, by strategy.
    """

    links: TailPredictor | None = None
    joint: tuple[str, Answerer] | None = None
    walker: tuple[str, Walker, TextEncoder] | None = None
    curves: Mapping[str, Curve] = field(default_factory=dict)
    asked: Mapping[str, np.ndarray] = field(default_factory=dict)


def strategy_of(run: Run) -> str | None:
    """The strategy that a run is for; None where it answers no questions."""
    from kgplatform.models import DECODERS

    task = run.source.get("task")
    if task == JOINT:
        return "joint"
    if task == WALKER:
        return "walker"
    return "link" if task is None and run.config.model in DECODERS else None


def runs_of_graph(settings: Settings, graph: str) -> dict[str, Run]:
    """The newest complete run of a graph for each strategy."""
    from kgplatform.training.artifacts import list_runs

    found: dict[str, Run] = {}
    for run in list_runs(settings.kgp_runs) if settings.kgp_runs.is_dir() else ():
        strategy = strategy_of(run)
        if not run.complete or run.source.get("graph") != graph or strategy is None:
            continue
        if strategy != "walker" or (run.folder / "walker.json").read_text().find('"encoder"') > 0:
            found[strategy] = run
    return found


def named_runs(settings: Settings, names: Sequence[str]) -> dict[str, Run]:
    """Runs by their ids, one a strategy.

    Raises:
        UnknownNameError: There is no such run.
        RunError: One answers no questions, or two are of one strategy.
    """
    from kgplatform.training.artifacts import find_run, load_run

    found: dict[str, Run] = {}
    for name in names:
        run = load_run(find_run(settings.kgp_runs, name))
        strategy = strategy_of(run)
        if strategy is None:
            raise RunError(
                f"run {run.id} answers no questions",
                hint="kgp train MODEL, kgp train joint-qa and kgp train walker make runs that do",
            )
        if strategy in found:
            raise RunError(
                f"runs {found[strategy].id} and {run.id} are both for strategy {strategy!r}",
                hint="name one of them",
            )
        found[strategy] = run
    return found


def open_runs(
    store: Store,
    runs: Mapping[str, Run],
    encoder: TextEncoder,
    progress: Progress = silent,
) -> OpenRuns:
    """Load runs.

    Raises:
        RunError: A run is damaged, or does not fit the graph any more.
    """
    links = joint = walker = None
    if "link" in runs:
        from kgplatform.training.predict_tails import open_tails

        links = open_tails(runs["link"], snapshot_of_run(store, runs["link"], progress))
    if "joint" in runs:
        from kgplatform.joint.qa_run import load_answerer

        joint = runs["joint"].id, load_answerer(runs["joint"], _fitting(runs["joint"], encoder))
    if "walker" in runs:
        from kgplatform.text.encode import load_encoder
        from kgplatform.walk.run import load_walker

        found = load_walker(runs["walker"])
        if "encoder" not in found.said:
            raise RunError(
                f"run {runs['walker'].id} was not trained on questions in words",
                hint="kgp train walker --questions FILE",
            )
        reader = encoder
        if encoder.digest != found.said["encoder_digest"]:
            reader = load_encoder(found.said["encoder"])
        walker = runs["walker"].id, found, reader
    return OpenRuns(links, joint, walker)


def open_fitting(
    store: Store,
    runs: Mapping[str, Run],
    encoder: TextEncoder,
    progress: Progress = silent,
) -> tuple[OpenRuns, dict[str, str]]:
    """Load those runs that can be asked as the graph is now.

    Returns:
        Those, and why others are left out, by their ids.
    """
    opened = OpenRuns()
    left: dict[str, str] = {}
    for strategy, run in runs.items():
        field_of = {"link": "links"}.get(strategy, strategy)
        try:
            found = open_runs(store, {strategy: run}, encoder, progress)
        except KGPlatformError as error:
            left[run.id] = str(error)
        else:
            opened = replace(opened, **{field_of: getattr(found, field_of)})
    return opened, left


def _fitting(run: Run, encoder: TextEncoder) -> TextEncoder | None:
    """The encoder that is open already, if the run was trained with it."""
    import json

    said = json.loads((run.folder / "joint.json").read_text("utf-8"))
    return encoder if said.get("encoder_digest") == encoder.digest else None


def snapshot_of_run(store: Store, run: Run, progress: Progress = silent) -> KGSnapshot:
    """What a run was trained on: its folder, if that is there still, else an export."""
    from kgplatform.graph.projection import snapshot_of
    from kgplatform.graph.snapshot_folder import open_snapshot
    from kgplatform.store.projections import definition_of, find_projection

    source: Mapping[str, Any] = run.source
    if source.get("snapshot"):
        try:
            snapshot = open_snapshot(FilePath(source["snapshot"]))
        except InputError:
            pass
        else:
            if snapshot.digest == run.snapshot_digest:
                return snapshot
    if "projection" in source and "version" not in source:
        source = find_projection(store, source["projection"]).source(source["params"])
    return snapshot_of(store, definition_of(source), progress)[0]


def link_answer(
    runs: OpenRuns,
    graph: str,
    names: Mapping[str, str],
    question: str,
    found: Sequence[Choice],
    top_k: int,
) -> Answer | None:
    """What the likeliest plan would lead to if the graph lacks a fact; None where it is of no use.

    Only plans of one step from head to tail: that is what confidence was fitted on.
    """
    predictor = runs.links
    if predictor is None:
        return None
    from kgplatform.training.predict_tails import likely_tails

    for choice in found[:1]:
        step = choice.plan.steps[0]
        if choice.plan.form != "follow" or len(choice.plan.steps) > 1 or step.inverse:
            return None
        head = choice.entities[0]
        if step.relation not in predictor.relations or head not in predictor.entities:
            return None
        answers = []
        for link in likely_tails(predictor, head, step.relation, top_k=top_k):
            ends = head, step.relation, link.tail
            fact = _statement(graph, names, ends, link.confidence, predictor.run)
            sure = choice.confidence * link.confidence
            called = names.get(link.tail, link.tail)
            answers.append(AnswerEntity(link.tail, called, sure, "predicted", (path_of([fact]),)))
        if answers:
            text = f"Predicted: {listed(answers[:1], 1)}"
            return Answer(question, text, tuple(answers), "link", answers[0].confidence)
    return None


def joint_answer(
    store: Store,
    runs: OpenRuns,
    graph: str,
    names: Mapping[str, str],
    question: str,
    topics: Sequence[str],
    top_k: int,
) -> Answer | None:
    """What a run of question answering says; None where it knows nothing that is named."""
    if runs.joint is None:
        return None
    from kgplatform.joint.qa_answer import answer_with

    run, answerer = runs.joint
    topic = next((each for each in topics if answerer.known.index(each) is not None), None)
    try:
        said = answer_with(answerer, question, topic=topic, top_k=MOST_ENDS)
    except InputError:
        return None
    # What one way leads to is one answer; without ways, what is as likely.
    said = tuple(
        each
        for each in said
        if (each.path and each.path == said[0].path)
        or each.probability >= TOGETHER * said[0].probability
    )[:top_k]
    words = answerer.known.words(question, answerer.known.index(topic) if topic else None)[1]
    familiar = familiarity(runs, "joint", words, answerer.solver.phrases.encoder)
    curve = runs.curves.get("joint", Curve())
    answers = []
    for each in said:
        steps = [(step.head, step.relation, step.tail) for step in each.steps]
        path = _walked(store, graph, names, steps, run, each.confidence)
        sure = calibrated(curve, each.confidence, familiar)
        answers.append(_entity(names, each.entity_id, sure, path))
    return _answer(question, "joint", answers)


def walker_answer(
    store: Store,
    runs: OpenRuns,
    settings: Settings,
    graph: str,
    names: Mapping[str, str],
    question: str,
    topics: Sequence[str],
    top_k: int,
) -> Answer | None:
    """Where a walker's walks end; None where it knows nothing that is named."""
    if runs.walker is None:
        return None
    import torch

    from kgplatform.joint.qa_questions import Names, words_read
    from kgplatform.text.vector_cache import cached_text_vectors
    from kgplatform.walk.explain import answers_of, fact_of
    from kgplatform.walk.queries import asked_of, text_queries

    run, walker, reader = runs.walker
    snapshot = walker.snapshot
    degree = snapshot.edge_index.flatten().bincount(minlength=snapshot.num_entities).tolist()
    known = Names(snapshot.entities, walker.said["names"], degree)
    index = next((at for each in topics if (at := known.index(each)) is not None), None)
    topic, words = known.words(question, index)
    if topic is None:
        return None
    vector = cached_text_vectors(reader, [words_read(words)], settings.text_cache)
    with _WALKING:
        walker.policy.texts = torch.from_numpy(vector)
        asked = asked_of(text_queries([topic], [[]], 0), walker.known, training=False)
        found = answers_of(walker, asked, most=top_k, ways=1)
    familiar = familiarity(runs, "walker", words, reader)
    curve = runs.curves.get("walker", Curve())
    answers = []
    for each in found:
        if each.probability < TOGETHER * found[0].probability:
            break
        steps = []
        for move in each.ways[0].moves if each.ways else ():
            head, relation, tail = fact_of(move, snapshot.num_relations)
            ends = snapshot.entities[head], snapshot.entities[tail]
            steps.append((ends[0], snapshot.relations[relation], ends[1]))
        path = _walked(store, graph, names, steps, run, each.probability)
        entity = snapshot.entities[each.entity]
        sure = calibrated(curve, min(1.0, each.probability), familiar)
        answers.append(_entity(names, entity, sure, path))
    return _answer(question, "walker", answers)


def familiarity(runs: OpenRuns, strategy: str, words: Sequence[str], reader: TextEncoder) -> float:
    """Cosine of a question and the nearest one that a run was trained on; 0 if none is known."""
    from kgplatform.answer.plan_index import unit_vectors
    from kgplatform.joint.qa_questions import words_read

    known = runs.asked.get(strategy)
    if known is None or not len(known):
        return 0.0
    return float((known @ unit_vectors(reader, [words_read(words)])[0]).max())


def calibrated(curve: Curve, said: float, familiar: float) -> float:
    """What a run's own confidence is worth."""
    odds = curve.slope * log_odds(said) + curve.familiar * familiar + curve.bias
    return 1 / (1 + math.exp(-odds))


def log_odds(said: float) -> float:
    """Of a probability; of the surest ones, no more than a thousandth lets them have."""
    said = min(max(said, LEAST), 1 - LEAST)
    return math.log(said / (1 - said))


def _entity(names: Mapping[str, str], entity: str, sure: float, path: Path | None) -> AnswerEntity:
    asserted = path is not None and all(each.kind == "asserted" for each in path.statements)
    kind: Kind = "asserted" if asserted else "predicted"
    paths = () if path is None else (path,)
    return AnswerEntity(entity, names.get(entity, entity), sure, kind, paths)


def _answer(question: str, strategy: str, answers: list[AnswerEntity]) -> Answer | None:
    if not answers:
        return None
    first = answers[0]
    word = "" if first.kind == "asserted" else "Predicted: "
    text = word + listed(answers, len(answers))
    return Answer(question, text, tuple(answers), strategy, first.confidence)


def _walked(
    store: Store,
    graph: str,
    names: Mapping[str, str],
    steps: Sequence[tuple[str, str, str]],
    run: str,
    sure: float,
) -> Path | None:
    """The facts of a walk as the graph has them now; predicted where it has them no more."""
    statements = []
    for head, relation, tail in steps:
        there = check_fact(store, graph, (head, tail), Step(relation))
        facts = [path[0] for end in there.ends for path in end.paths]
        ends = head, relation, tail
        statements.append(facts[0] if facts else _statement(graph, names, ends, sure, run))
    return path_of(statements) if statements else None


def _statement(
    graph: str, names: Mapping[str, str], fact: tuple[str, str, str], sure: float, run: str
) -> Statement:
    """A link that a run predicts."""
    head, relation, tail = fact
    return Statement(
        fact_id(graph, head, relation, tail),
        head,
        names.get(head, head),
        relation,
        tail,
        names.get(tail, tail),
        "predicted",
        sure,
        run=run,
    )
