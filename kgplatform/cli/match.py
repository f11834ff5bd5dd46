"""``kgp match``: a pattern of the user's own, read-only."""

from __future__ import annotations

import json
from typing import Any

import click

from kgplatform.cli.output import emit, json_option, note, table
from kgplatform.cli.source import query_text, values_of


@click.command()
@click.argument("pattern", metavar="PATTERN")
@click.option("--graph", default="default", show_default=True, help="The parameter $graph.")
@click.option("--param", "params", multiple=True, metavar="K=V", help="A query's parameter.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=100, show_default=True, help="Most rows."
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=60,
    show_default=True,
    help="Longest time on the server.",
)
@json_option
def match(
    pattern: str,
    graph: str,
    params: tuple[str, ...],
    limit: int,
    seconds: float,
    as_json: bool,
) -> None:
    """Match PATTERN: a .cypher file, a reading query, or a pattern alone.

    A pattern alone returns all that it names. The query is refused if it would write, read files
    or call procedures that are not for reading.

    \b
    kgp match triangles.cypher --graph countries
    kgp match '(a:Entity {graph: $graph})-[r:BORDERS]->(b) WHERE a.id = $id' --param id=poland
    """
    from kgplatform.connection import open_store
    from kgplatform.settings import load_settings
    from kgplatform.store.match import match_pattern

    given = {"graph": graph, **values_of(params)}
    with open_store(load_settings()) as store:
        found = match_pattern(store, query_text(pattern), given, limit=limit, seconds=seconds)
    rows = [dict(zip(found.columns, row, strict=True)) for row in found.rows]
    text = table(list(found.columns), [[_cell(value) for value in row] for row in found.rows])
    emit(
        {"columns": list(found.columns), "rows": rows, "more": found.more},
        as_json,
        text if rows else "nothing matches",
    )
    if found.more:
        note(f"there are more than {limit} rows: see --limit")


def _cell(value: Any) -> str:
    """A value in one line: a node as its name, a relationship as what it says."""
    if not isinstance(value, dict):
        return value if isinstance(value, str) else json.dumps(value, default=str)
    kind = value.get("kind")
    if kind == "node":
        return str(value["properties"].get("name") or value["id"] or ":".join(value["labels"]))
    if kind == "relationship":
        return str(value["type"])
    if kind == "path":
        parts = [_cell(value["nodes"][0])]
        steps = zip(value["relationships"], value["nodes"], value["nodes"][1:], strict=False)
        for fact, node, following in steps:
            forward = fact["head"] == node["id"]
            parts.append(f"-[{fact['type']}]->" if forward else f"<-[{fact['type']}]-")
            parts.append(_cell(following))
        return " ".join(parts)
    return json.dumps(value, default=str, ensure_ascii=False)
