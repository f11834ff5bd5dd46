"""``kgp generate``: a text from the graph, each sentence with its facts, and checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kgplatform.cli.output import emit, json_option, progress_bar
from kgplatform.errors import UsageError

if TYPE_CHECKING:
    from kgplatform.answer.generate import Generated
MOST_ANSWERS = 20
"""Entities of an answer that are told."""


@click.command()
@click.argument("topic", required=False)
@click.option("--graph", default="default", show_default=True, help="Its graph.")
@click.option("--question", help="Answer this in prose instead, as `kgp ask` finds it.")
@click.option(
    "--llm", metavar="MODEL", help="gguf:PATH, hf:NAME, openai:MODEL, an address, or none."
)
@click.option("--no-predicted", is_flag=True, help="Tell asserted facts only.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=60, show_default=True, help="Most facts."
)
@json_option
def generate(
    topic: str | None,
    graph: str,
    question: str | None,
    llm: str | None,
    no_predicted: bool,
    limit: int,
    as_json: bool,
) -> None:
    """Write a paragraph about TOPIC, an id or a name, from the facts of the graph.

    A language model writes it and cites the facts; without one, a template does. Predicted links
    are said to be predicted. What the text says is then read out of it again, and looked up: the
    report says what the graph supports, contradicts, or does not have.

    \b
    kgp generate Poland --graph countries
    kgp generate Poland --graph countries --llm gguf:model.gguf
    kgp generate --question "Which countries border Poland?" --graph countries
    """
    from kgplatform.answer.generate import generate as generate_text
    from kgplatform.answer.generate import in_prose
    from kgplatform.answer.records import data_of
    from kgplatform.connection import open_store
    from kgplatform.settings import load_settings

    if (topic is None) == (question is None):
        raise UsageError("what to write about is not said", hint="give TOPIC, or --question")
    settings = load_settings()
    with open_store(settings) as store, progress_bar() as progress:
        if question is not None:
            from kgplatform.answer.ask import ask, open_asker

            asker = open_asker(store, settings, graph, progress=progress)
            found = in_prose(
                store, settings, graph, ask(asker, question, top_k=MOST_ANSWERS), llm=llm
            )
        else:
            found = generate_text(
                store, settings, graph, str(topic), llm=llm, predicted=not no_predicted, limit=limit
            )
    emit(data_of(found), as_json, text_of(found))


def text_of(found: Generated) -> str:
    """A text with the numbers of its facts, the facts, and what the check says."""
    numbers = {each.id: number for number, each in enumerate(found.statements, 1)}
    lines = []
    for sentence in found.sentences:
        cited = [str(numbers[each]) for each in sentence.statements if each in numbers]
        lines.append(sentence.text + (f" [{', '.join(cited)}]" if cited else ""))
    parts = [" ".join(lines), ""]
    for each in found.statements:
        where = ", ".join(each.sources) or each.run or ""
        parts.append(
            f"{numbers[each.id]:>4}  {each.head_name} -[{each.relation}]-> {each.tail_name}"
            f"  {each.kind} {each.confidence:.2f}  {where}".rstrip()
        )
    parts += ["", *_check_lines(found)]
    return "\n".join(parts)


def _check_lines(found: Generated) -> list[str]:
    if found.faithfulness is None:
        return [f"by {found.writer}; nothing in it could be checked"]
    total = found.supported + found.contradicted + found.absent
    lines = [
        f"by {found.writer}; of {total:,} claims that were read out of it, the graph has "
        f"{found.supported:,} ({found.faithfulness:.0%})"
        + (f"; {found.unread:,} more name what it joins otherwise" if found.unread else "")
    ]
    for sentence in found.sentences:
        for claim in sentence.claims:
            if claim.verdict in ("contradicted", "absent"):
                what = "against the graph" if claim.verdict == "contradicted" else "not in it"
                said = f" -[{claim.relation}]-> " if claim.relation else " … "
                lines.append(f"  {what}: {claim.head}{said}{claim.tail}")
    return lines
