"""Runs that answer questions: which a graph has, and what it takes to ask them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

import numpy as np

from kgplatform.answer.ask_offers import Trust
from kgplatform.errors import InputError, KGPlatformError, RunError
from kgplatform.parsed import parsed_json
from kgplatform.progress import Progress, silent
from kgplatform.store.client import Store

if TYPE_CHECKING:
    from kgplatform.graph.snapshot import KGSnapshot
    from kgplatform.joint.qa_answer import Answerer
    from kgplatform.settings import Settings
    from kgplatform.text.encode import TextEncoder
    from kgplatform.training.artifacts import Run
    from kgplatform.training.predict_tails import TailPredictor
    from kgplatform.walk.run import Walker

JOINT, WALKER = "joint-qa", "walker"


@dataclass(frozen=True, eq=False)
class OpenRuns:
    """Runs that are ready.

    Attributes:
        links: Of link prediction.
        joint: Of questions, with its id.
        walker: Of walks in words, with its id.
        trust: What the word of each strategy is worth.
        asked: Vectors of the questions that each was trained on, of length 1, by strategy.
    """

    links: TailPredictor | None = None
    joint: tuple[str, Answerer] | None = None
    walker: tuple[str, Walker, TextEncoder] | None = None
    trust: Trust = field(default_factory=Trust)
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
            wanted = str(found.said["encoder_digest"])
            reader = load_encoder(found.said["encoder"], digest=wanted)
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
    said = parsed_json((run.folder / "joint.json").read_text("utf-8"))
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
