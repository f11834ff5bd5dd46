"""Words for every command, so that none is left out where all are to be run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
from extraction_commands import write_documents, write_schema

FACTS = "facts.tsv"
QUESTIONS = "questions.tsv"
TEXTS = "texts"
SCHEMA = "schema.yaml"
SNAPSHOT = "frozen"

SMALL = ("--set", "epochs=1", "--set", "embedding_dim=8")

WORDS: dict[str, tuple[str, ...]] = {
    "load": (FACTS, "--graph", "GRAPH"),
    "split": ("--graph", "GRAPH"),
    "snapshot": ("--graph", "GRAPH", "--to", SNAPSHOT),
    "train": ("transe", "--graph", "GRAPH", *SMALL),
    "tune": ("transe", "--graph", "GRAPH", "--trials", "1", *SMALL),
    "train joint-classify": ("--graph", "GRAPH", "--texts", QUESTIONS),
    "train joint-qa": ("--graph", "GRAPH", "--texts", QUESTIONS),
    "train text-link": ("--graph", "GRAPH"),
    "train walker": ("--graph", "GRAPH", "--questions", QUESTIONS),
    "train recommend": ("--graph", "GRAPH", "--relation", "borders"),
    "tune search": (QUESTIONS, "--graph", "GRAPH", "--to", "weights.json"),
    "evaluate": ("latest",),
    "runs list": (),
    "runs show": ("latest",),
    "runs compare": ("latest", "latest"),
    "plot": ("latest",),
    "write": ("latest",),
    "embed-new": ("latest", "--graph", "GRAPH"),
    "predict": ("latest", "--write"),
    "encode": ("--graph", "GRAPH"),
    "similar": ("poland", "--graph", "GRAPH"),
    "search": ("who is next to Poland", "--graph", "GRAPH"),
    "recommend": ("poland", "--graph", "GRAPH"),
    "ask": ("what does poland border", "--graph", "GRAPH", *("--llm", "openai:small")),
    "generate": ("poland", "--graph", "GRAPH", "--llm", "openai:small"),
    "explain": ("poland", "borders", "germany", "--graph", "GRAPH", "--run", "none"),
    "paths": ("poland", "france", "--graph", "GRAPH"),
    "match": ("pattern.cypher", "--graph", "GRAPH"),
    "link": (QUESTIONS, "--graph", "GRAPH"),
    "schema": (TEXTS, "--llm", "openai:small"),
    "extract": (TEXTS, "--graph", "GRAPH", "--schema", SCHEMA, "--llm", "openai:small"),
    "review list": ("--graph", "GRAPH"),
    "review names": ("--graph", "GRAPH"),
    "review show": ("nothing", "--graph", "GRAPH"),
    "review accept": ("nothing", "--graph", "GRAPH"),
    "review reject": ("nothing", "--graph", "GRAPH"),
    "review reopen": ("nothing", "--graph", "GRAPH"),
    "review apply": ("--graph", "GRAPH"),
    "review auto": ("--graph", "GRAPH"),
    "review export": ("decisions.tsv", "--graph", "GRAPH"),
    "review fit": ("weights.json", "--graph", "GRAPH"),
    "review join": ("a,b", "--graph", "GRAPH"),
    "review split": ("a,b", "--graph", "GRAPH"),
    "rules mine": ("--graph", "GRAPH", "--min-support", "1"),
    "rules list": (),
    "rules show": ("latest",),
    "rules evaluate": ("latest",),
    "rules predict": ("latest", "borders"),
    "rules combine": ("latest",),
    "rules write": ("latest",),
    "rules undo": ("latest",),
    "project define": ("mine", "--cypher", "pattern.cypher"),
    "project list": (),
    "project show": ("mine",),
    "project rm": ("mine",),
    "export": ("--graph", "GRAPH", "--format", "pykeen", "--to", "exported"),
    "export-embeddings": ("latest", "--to", "vectors.tsv"),
    "import-embeddings": ("vectors.tsv", "--from", "table"),
    "browser install": ("--port", "1"),
    "browser open": (),
    "status": (),
    "doctor": (),
    "undo": ("latest",),
    "runs rm": ("latest",),
    "rm": ("--graph", "GRAPH"),
}
"""Each is run once with these words; that one ends in an error is as good: errors are printed."""

FIRST = ("load", "snapshot", "train", "write")
"""What the others need."""

NOT_TO_BE_RUN = {
    "up": "a server of its own: test_server_lifecycle.py",
    "down": "a server of its own: test_server_lifecycle.py",
    "demo": "minutes: test_demo.py",
    "serve": "does not end: test_service.py",
    "mcp": "does not end: test_mcp.py",
    "browser serve": "does not end: test_browser_command.py",
}
"""Commands that are not run with a database here, and why."""


def leaves(group: click.Group, before: str = "") -> Iterator[str]:
    """The names of all commands that do something, with the groups that they are in."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from leaves(command, f"{before}{name} ")
        else:
            yield f"{before}{name}"


def write_inputs(folder: Path) -> None:
    """The files that the words name."""
    names = ("poland", "germany", "france", "spain", "italy", "austria", "czechia", "ukraine")
    rows = [f"{a}\tborders\t{b}" for a, b in zip(names, names[1:] + names[:1], strict=True)]
    rows += [f"{a}\tnear\t{b}" for a, b in zip(names, names[2:] + names[:2], strict=True)]
    (folder / FACTS).write_text("\n".join(rows) + "\n")
    (folder / QUESTIONS).write_text("text\tanswer\nwhat does poland border\tgermany\n")
    write_schema(folder)
    write_documents(folder / TEXTS, {"a": "Poland borders Ukraine."})
    (folder / "pattern.cypher").write_text(
        "MATCH (h:Entity)-[r]->(t:Entity) RETURN h.id AS head, type(r) AS relation, t.id AS tail\n"
    )
