"""``kgp ask``: a question in words, answered by the graph and by what was learnt of it."""

from __future__ import annotations

from itertools import dropwhile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kgplatform.cli.output import emit, json_option, note, progress_bar

if TYPE_CHECKING:
    from kgplatform.answer.records import Answer, AnswerEntity
    from kgplatform.answer.records import Path as Way

PATHS = 2
"""Paths of an entity that are printed."""


@click.command()
@click.argument("question")
@click.option("--graph", default="default", show_default=True, help="Graph that is asked.")
@click.option(
    "--strategy",
    help="template, cypher, link, joint or walker.  [default: all that can, the surest taken]",
)
@click.option(
    "--run", "runs", multiple=True, help="A run to ask.  [default: the newest of the graph]"
)
@click.option("--llm", metavar="MODEL", help="A language model that writes Cypher: gguf:PATH, …")
@click.option(
    "--examples",
    type=click.Path(path_type=Path),
    help="Questions with answers, as for joint-qa: the words in which you ask.",
)
@click.option(
    "--top-k", type=click.IntRange(min=1), default=5, show_default=True, help="Most answers."
)
@json_option
def ask(
    question: str,
    graph: str,
    strategy: str | None,
    runs: tuple[str, ...],
    llm: str | None,
    examples: Path | None,
    top_k: int,
    as_json: bool,
) -> None:
    """Answer QUESTION about a graph, with why, how sure, and whether it is asserted or predicted.

    The question's names may be misspelt. Which query it means is learnt from the graph's own
    relations; trained runs and a language model are asked, too, where there are any, and the surest
    answer is taken. Where none is sure enough, the answer is that it is not known.

    \b
    kgp ask "What is the capital of Poland?" --graph countries
    kgp ask "whats the curency of hungry" --graph countries --json
    kgp ask "How many countries border Russia?" --graph countries --strategy template
    """
    from kgplatform.answer.ask import ask as answer_of
    from kgplatform.answer.ask import open_asker
    from kgplatform.answer.records import data_of
    from kgplatform.connection import open_store
    from kgplatform.settings import load_settings

    settings = load_settings()
    with open_store(settings) as store:
        with progress_bar() as progress:
            asker = open_asker(
                store, settings, graph, runs=runs, llm=llm, examples=examples, progress=progress
            )
        for run, why in asker.left.items():
            note(f"run {run} is not asked: {why}")
        answer = answer_of(asker, question, strategy=strategy, top_k=top_k)
    emit(data_of(answer), as_json, answer_text(answer))


def answer_text(answer: Answer) -> str:
    """An answer for a person: what, why, how sure, and the query."""
    lines = [answer.text]
    if answer.strategy == "none":
        lines.append(f"(the best guess would have been right with {answer.confidence:.0%})")
        return "\n".join(lines)
    kinds = {each.kind for each in answer.answers} or {"asserted"}
    lines.append(
        f"{' and '.join(sorted(kinds))}, confidence {answer.confidence:.2f}, by {answer.strategy}"
    )
    lines += [line for each in answer.answers for line in _why(each)]
    if answer.cypher is not None:
        # What the file says of itself, at its top, is for who reads the file.
        query = dropwhile(lambda line: line.startswith("//"), answer.cypher.strip().splitlines())
        lines += ["", *query, *_params(answer.params or {})]
    return "\n".join(lines)


def _why(entity: AnswerEntity) -> list[str]:
    lines = [f"  {entity.name} ({entity.id})  {entity.confidence:.2f} {entity.kind}"]
    for path in entity.paths[:PATHS]:
        lines.append(f"    because {path_text(path)}")
    lines += [
        f'    "{each.text[:200]}" ({each.title or each.document})' for each in entity.evidence
    ]
    return lines


def path_text(path: Way) -> str:
    """The facts of a path, one after the other."""
    return "; ".join(
        f"{each.head_name} -[{each.relation}]-> {each.tail_name}"
        + ("" if each.kind == "asserted" else f" (predicted, {each.confidence:.2f})")
        for each in path.statements
    )


def _params(params: dict[str, object]) -> list[str]:
    """As Browser takes them."""
    import json

    return [f":param {name} => {json.dumps(value)}" for name, value in params.items()]
