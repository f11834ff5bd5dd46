"""``kgp demo --full``: the rest of the story, told by the commands that a user would type."""

from __future__ import annotations

import contextlib
import io
import json
import random
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kgplatform.cli.demo_notes import NOTES, QUESTIONS
from kgplatform.cli.output import note, table
from kgplatform.errors import UsageError

if TYPE_CHECKING:
    from kgplatform.settings import Settings
    from kgplatform.store.client import Store

WAITING = 100
"""Most candidates that are looked at."""

INVENTED = "freedonia"
"""A country of the notes that does not exist."""

ASKED = 600
"""Questions that the three strategies learn from and are tested on."""

REST = 8
"""How many steps there are here, after those of the demo."""

TOTAL = "kgplatform.cli.demo.total"
"""Under which the command's context knows how many steps it has."""

WALKER = ("--set", "epochs=15", "--set", "rollouts=6")
"""Enough to see it learn; not enough to be good."""


def check_extras() -> None:
    """Refuse before anything is done where a package is missing that a later step needs.

    Raises:
        UsageError: spaCy or its pipeline is not installed.
    """
    import importlib.util

    from kgplatform.text.extract.spacy_extractor import PIPELINE

    missing = [name for name in ("spacy", PIPELINE) if not importlib.util.find_spec(name)]
    if missing:
        raise UsageError(
            f"--full reads facts out of texts, which needs {' and '.join(missing)}",
            hint="pip install -c constraints.txt -e '.[nlp]'",
        )


def tell_the_rest(
    store: Store, settings: Settings, graph: str, first: int, as_json: bool
) -> list[dict[str, Any]]:
    """Every further step on the demo's graph.

    Args:
        store: The database.
        settings: Where files and runs go.
        graph: The demo's graph.
        first: The number of the first step.
        as_json: Whether the commands' results are kept, not printed.

    Returns:
        Commands in order with what they gave; without results unless ``as_json``.
    """
    folder = settings.kgp_home / "demo"
    told = _Told(as_json)
    steps = (_strategies, _search, _questions, _why, _recommendation, _words, _facts, _browser)
    assert len(steps) == REST
    for number, step in enumerate(steps, first):
        title = (step.__doc__ or "").splitlines()[0].rstrip(".")
        heading(number, title)
        step(told, store, settings, graph, folder)
    return told.commands


def heading(number: int, text: str) -> None:
    """Say which step begins."""
    total = click.get_current_context().meta[TOTAL]
    note(f"\n[{number}/{total}] {text}", bold=True)


class _Told:
    """Runs commands as a user would, and keeps what they gave.

    Args:
        as_json: Whether results are kept, not printed.
    """

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self.commands: list[dict[str, Any]] = []

    def __call__(self, *args: str) -> None:
        """Run one command of kgp."""
        from kgplatform.cli import cli

        said = shlex.join(("kgp", *args))
        note(f"\n$ {said}", fg="cyan")
        kept: dict[str, Any] = {"command": said}
        self.commands.append(kept)
        if not self._as_json:
            cli.main(args=list(args), standalone_mode=False)
            return
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            cli.main(args=[*args, "--json"], standalone_mode=False)
        kept["result"] = json.loads(printed.getvalue())


def _strategies(told: _Told, store: Store, settings: Settings, graph: str, folder: Path) -> None:
    """Three ways to train text and graph together, on the same questions.

    By embeddings, by a graph network, and by reinforcement learning.
    """
    from kgplatform.training.artifacts import find_run, load_run

    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "questions.tsv"
    lines = ["question\ttopic\tanswers", *_asked(store, graph)]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    note(f"{len(lines) - 1:,} questions made of the graph are in {file}")
    rows = []
    for name, command in (
        ("embedding", ("joint-qa", "--texts", str(file), "--strategy", "embedding")),
        ("graph network", ("joint-qa", "--texts", str(file), "--strategy", "gnn")),
        ("reinforcement learning", ("walker", "--questions", str(file), *WALKER)),
    ):
        told("train", command[0], "--graph", graph, *command[1:])
        run = load_run(find_run(settings.kgp_runs, "latest"))
        test = run.metrics["test"]
        right = test.get("hits_at_1", test.get("tail", {}).get("hits_at_1"))
        rows.append([name, f"{right:.3f}", f"{run.seconds:.0f} s", run.id])
    note("\n" + table(["strategy", "hits@1 on test", "training", "run"], rows))


def _asked(store: Store, graph: str) -> Iterator[str]:
    """Questions with topic and answers, a line each, the same on every day."""
    from kgplatform.store.ask import Step, follow
    from kgplatform.store.labels import all_kinds
    from kgplatform.store.search import names_of

    labels = all_kinds(store, graph).labels
    countries = sorted(key for key, own in labels.items() if "Country" in own)
    names = names_of(store, graph, countries)
    draw = random.Random(0)  # noqa: S311
    made = []
    for country in countries:
        for path, words in QUESTIONS.values():
            steps = [Step(relation, False) for relation in path]
            ends = [end.id for end in follow(store, graph, country, steps).ends]
            for each in words if ends else ():
                question = each.format(names[country])
                made.append(f"{question}\t{country}\t{'|'.join(sorted(ends))}")
    return iter(draw.sample(made, min(ASKED, len(made))))


def _search(told: _Told, store: Store, settings: Settings, graph: str, folder: Path) -> None:
    """Search by names, words and vectors."""
    del store, settings, folder
    told("encode", "--graph", graph, "--write")
    told("search", "Scandinavian kingdom", "--graph", graph, "--top-k", "3")


def _questions(told: _Told, store: Store, settings: Settings, graph: str, folder: Path) -> None:
    """Ask in words: what is asserted, what is predicted, what nobody knows."""
    del store, settings, folder
    for question in (
        "what is the capitol of hungry",
        "What languages do the neighbours of Poland speak?",
        "How many countries border Russia?",
        "Who is the president of Peru?",
    ):
        told("ask", question, "--graph", graph)


def _why(told: _Told, store: Store, settings: Settings, graph: str, folder: Path) -> None:
    """Explain a link: paths, similar facts, and what it hangs on."""
    from kgplatform.training.artifacts import list_runs

    del store
    runs = [run for run in list_runs(settings.kgp_runs) if run.config.model == "transe"]
    picture = folder / "why.png"
    link = ("Austria", "SPEAKS", "German")
    told("explain", *link, "--graph", graph, "--run", runs[-1].id, "--plot", str(picture))


def _recommendation(
    told: _Told, store: Store, settings: Settings, graph: str, folder: Path
) -> None:
    """Recommend: which further language fits a country."""
    del store, settings, folder
    told("train", "recommend", "--graph", graph, "--relation", "SPEAKS")
    told("recommend", "Poland", "--relation", "SPEAKS", "--graph", graph, "--top-k", "3")


def _words(told: _Told, store: Store, settings: Settings, graph: str, folder: Path) -> None:
    """Write about a country from its facts, each sentence with those that it rests on."""
    del store, settings, folder
    told("generate", "Portugal", "--graph", graph)


def _facts(told: _Told, store: Store, settings: Settings, graph: str, folder: Path) -> None:
    """Read facts out of notes; what is doubtful waits for you."""
    from kgplatform.store.review import list_candidates

    del settings
    notes = folder / "notes"
    notes.mkdir(parents=True, exist_ok=True)
    for name, text in NOTES.items():
        (notes / name).write_text(text, encoding="utf-8")
    told("extract", str(notes), "--graph", graph)
    told("review", "list", "--graph", graph)
    for one in list_candidates(store, graph, "staged", None, None, WAITING):
        if INVENTED in str(one).lower():
            why = ("--why", "there is no such country")
            told("review", "reject", str(one["id"])[:12], "--graph", graph, *why)


def _browser(told: _Told, store: Store, settings: Settings, graph: str, folder: Path) -> None:
    """Put a guide through this graph into Neo4j Browser."""
    del store, settings, folder
    told("browser", "install", "--graph", graph)
