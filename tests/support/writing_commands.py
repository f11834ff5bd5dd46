"""The commands that write: what each needs, how it is called, and how it is called again."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from campaign import LONG, drawn
from extraction_commands import write_documents, write_judge, write_schema
from warm_commands import Values

from kgplatform.errors import InputError, StoreError
from kgplatform.store.client import Store
from kgplatform.store.stream import stream_graph

ENTITIES, FACTS = 120, 300
GRAPH = "g"
OLD, NEW = "old", "new"

BATCHES: Values = {
    "kgplatform.store.load": {"BATCH": 60},
    "kgplatform.store.writeback": {"VECTORS_A_BATCH": 15},
    "kgplatform.store.links": {"LINKS_A_BATCH": 8},
    "kgplatform.store.remove": {"ROWS": 60},
    "kgplatform.facts.review": {"AT_ONCE": 2},
    # A server that is gone is given up at once, not after half a minute.
    "kgplatform.store.client": {"RETRY_SECONDS": 2.0},
}
"""Small ones, so that a graph that is quickly made has many, and a fault can come between."""

Words = Sequence[object]


class Place(Protocol):
    """Where commands run: a folder, a database that nothing disturbs, a model to ask."""

    folder: Path
    model: str

    def done(self, *words: object) -> Any:
        """Run a command to its end; its JSON."""

    def store(self) -> Any:
        """A connection, as a context."""


@dataclass(frozen=True)
class Writing:
    """A command that writes.

    Attributes:
        name: What it is called in the counts.
        prepare: Makes what it needs, and gives its words.
        ignoring: Properties that are other ones every time.
        again: Its words after a fault, from those of the first time; the same ones if None.
        told: What the repetition may say, with exit code 1, where the first time had come to its
            end after all.
        between: Looks at what readers get after a fault, before the command is repeated.
        vectors: Whether readers look at vectors all the time meanwhile.
    """

    name: str
    prepare: Callable[[Place], Words]
    ignoring: frozenset[str] = frozenset({"version", "loaded"})
    again: Callable[[Place, Words], Words] | None = None
    told: str | None = None
    between: Callable[[Store], None] | None = None
    vectors: bool = False


def facts(seed: int) -> str:
    """Two of eight hubs for each entity, and some facts more, as a table."""
    generator = random.Random(seed)
    names = [f"e{i}" for i in range(ENTITIES)]
    rows = {(name, "of", names[(i + k) % 8]) for i, name in enumerate(names) for k in (0, 3)}
    while len(rows) < FACTS:
        rows.add((generator.choice(names), f"r{generator.randrange(3)}", generator.choice(names)))
    return "".join(f"{head}\t{relation}\t{tail}\n" for head, relation, tail in sorted(rows))


def marked_or_whole(store: Store) -> None:
    """A reader gets all of a graph or is told that a load was cut; never a part."""
    try:
        read = stream_graph(store, GRAPH).head.size
    except (StoreError, InputError):
        return
    assert read == FACTS, f"a reader got {read} of {FACTS} facts"


def _load(place: Place) -> Words:
    (place.folder / "kept.tsv").write_text("a\tr\tb\nb\tr\tc\n")
    place.done("load", "kept.tsv", "--graph", "kept")
    (place.folder / "facts.tsv").write_text(facts(1))
    return ["load", "facts.tsv", "--graph", GRAPH]


def _loaded(place: Place) -> None:
    place.done(*_load(place))


def _bulk(place: Place) -> Words:
    (place.folder / "facts.tsv").write_text(facts(1))
    return ["load", "facts.tsv", "--graph", GRAPH, "--bulk"]


def _replace(place: Place) -> Words:
    _loaded(place)
    (place.folder / "facts.tsv").write_text(facts(2))
    return ["load", "facts.tsv", "--graph", GRAPH, "--replace"]


def _remove(place: Place) -> Words:
    _loaded(place)
    return ["rm", "--graph", GRAPH]


def _trained(place: Place, seed: int, name: str) -> None:
    settings = {"epochs": 40, "embedding_dim": 16, "evaluate_every": 20, "seed": seed}
    given = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    run = place.done("train", "distmult", "--graph", GRAPH, *given)["run"]
    folder = place.folder / "runs"
    text = (folder / run / "run.json").read_text().replace(run, name)
    (folder / run / "run.json").write_text(text)
    (folder / run).rename(folder / name)


def _write(place: Place) -> Words:
    _loaded(place)
    _trained(place, 0, OLD)
    _trained(place, 1, NEW)
    place.done("write", OLD)
    return ["write", NEW]


def _predict(place: Place) -> Words:
    _loaded(place)
    _trained(place, 0, OLD)
    return ["predict", OLD, "--write", "--top-k", "60"]


def _undo(place: Place) -> Words:
    place.done(*_write(place))
    place.done("predict", NEW, "--write", "--top-k", "60")
    return ["undo", NEW]


COUNTRIES = ["France", "Spain", "Portugal", "Italy", "Austria", "Hungary", "Croatia", "Poland"]
CITIES = ["Paris", "Madrid", "Lisbon", "Rome"]


def _extract(place: Place) -> Words:
    texts = {
        f"d{i:02}": f"{COUNTRIES[i % 8]} borders {COUNTRIES[(i + 1) % 8]}. "
        f"{CITIES[i % 4]} is the capital of {COUNTRIES[i % 4]}. This is note {i}."
        for i in range(12)
    }
    write_documents(place.folder / "notes", texts)
    tools = ["--schema", write_schema(place.folder).name, "--judge", write_judge(place.folder).name]
    words = ["extract", "notes", "--graph", GRAPH, *tools, "--llm", place.model]
    return [*words, "--names-only", "--batch", 4]


def _accept(place: Place) -> Words:
    place.done(*_extract(place))
    listed = place.done("review", "list", "--graph", GRAPH, "--limit", 100)["candidates"]
    assert len(listed) > 1, listed
    return ["review", "accept", *(each["id"] for each in listed), "--graph", GRAPH, "--by", "me"]


def _apply(place: Place) -> Words:
    place.done(*_extract(place))
    with place.store() as store:
        store.run("MATCH (c:Candidate {status: 'staged'}) SET c.status = 'accepted'")
    return ["review", "apply", "--graph", GRAPH]


def _import(place: Place) -> Words:
    """Vectors of DGL-KE, which score links here, so that they are evaluated, too."""
    _loaded(place)
    generator, folder = np.random.default_rng(3), place.folder / "dglke"
    folder.mkdir()
    (folder / "config.json").write_text('{"model": "TransE_l2"}')
    names = {"entity": [f"e{i}" for i in range(ENTITIES)], "relation": ["of", "r0", "r1", "r2"]}
    for kind, plural in (("entity", "entities"), ("relation", "relations")):
        np.save(folder / f"x_{kind}.npy", generator.normal(size=(len(names[kind]), 8)).astype("f4"))
        lines = (f"{row}\t{name}\n" for row, name in enumerate(names[kind]))
        (folder / f"{plural}.tsv").write_text("".join(lines))
    return ["import-embeddings", "dglke", "--from", "dglke", "--graph", GRAPH, "--name", "v"]


def _train(place: Place) -> Words:
    _loaded(place)
    settings = {"epochs": 20, "embedding_dim": 16, "evaluate_every": 1, "schedule": "plateau"}
    given = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    return ["train", "distmult", "--graph", GRAPH, *given]


def _walk(chosen: dict[str, str], place: Place) -> Words:
    _loaded(place)
    settings: dict[str, object] = {"epochs": 5, "clone_epochs": 2, "embedding_dim": 8}
    settings |= {"hidden": 8, "rollouts": 2}
    settings |= {"evaluate_every": 1, "beam_size": 8, "batch_size": 64}
    settings |= chosen
    given = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    return ["train", "walker", "--graph", GRAPH, *given]


def _resume(place: Place, words: Words) -> Words:
    """A training goes on where it was; one that had not begun begins."""
    if list((place.folder / "runs").glob("*/run.json")):
        return ["train", words[1], "--resume", "latest"]
    return words


COMPLETE = "is complete; there is nothing to resume"
OF_TEXTS = frozenset({"version", "loaded", "created", "next_nid", "nid", "at"})

WRITING: dict[str, Writing] = {
    each.name: each
    for each in (
        Writing("load", _load, between=marked_or_whole),
        Writing("load --replace", _replace, between=marked_or_whole),
        Writing("write", _write, vectors=True),
        Writing("undo", _undo, vectors=True, told="has written nothing into this database"),
        Writing("predict --write", _predict),
        Writing("extract", _extract, OF_TEXTS),
        Writing("review accept", _accept, OF_TEXTS),
        Writing("review apply", _apply, OF_TEXTS),
        Writing("import-embeddings", _import, told="there is a run 'v' already"),
        Writing("rm", _remove, between=marked_or_whole, told="there is no graph 'g'"),
        Writing("train", _train, again=_resume, told=COMPLETE),
    )
}

WALKERS: dict[str, Writing] = {
    name: Writing(name, partial(_walk, chosen), again=_resume, told=COMPLETE)
    for name, chosen in (
        ("train walker --set algorithm=dqn", {"algorithm": "dqn", "teacher": "none"}),
        ("train walker", {"teacher_model": "distmult"}),
    )
}
"""Walkers by Q-learning, which remember walks, and by REINFORCE, which train a teacher first."""

IN_LANES = ("load", "load --replace", "write")
"""Commands that write over several connections at once."""

BULK = Writing("load --bulk", _bulk, told="needs an empty database")


def commands() -> list[str]:
    """Names of the commands that are disturbed: all, or in a plain test run two, by the seed."""
    others = sorted(WRITING.keys() - {"write"})
    return list(WRITING) if LONG else ["write", drawn("commands").choice(others)]
