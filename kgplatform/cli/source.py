"""The flags by which commands are told what to take from the database."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from kgplatform.errors import UsageError
from kgplatform.parsed import parsed_json

F = TypeVar("F", bound=Callable[..., Any])

NOTHING_SAID = {"graph": "default"}
"""The source where no flag names one."""

OPTIONS = (
    click.option("--graph", help="This graph; with a query: where its entities are."),
    click.option(
        "--project", "projection", metavar="NAME", help="A named projection; NAME@2 for a version."
    ),
    click.option("--cypher", help="A reading query, or a file: RETURN head, relation, tail[, …]."),
    click.option("--match", help="A pattern instead: '(h:Person)-[r:KNOWS|LIKES]->(t)'."),
    click.option("--where", help="With --match: a condition, as in 'h.age > $age'."),
    click.option("--param", "params", multiple=True, metavar="K=V", help="A query's parameter."),
)
OWN_NODES = (
    click.option("--label", help="With a query: label of your own nodes, to write vectors to."),
    click.option("--key", help="With --label: the property that identifies them."),
)

FROZEN = click.option(
    "--snapshot", type=click.Path(path_type=Path), help="A folder of `kgp snapshot` instead."
)


def source_options(
    *, own_nodes: bool = False, named: bool = True, frozen: bool = False
) -> Callable[[F], F]:
    """The flags of a source, which a command gets as the one argument ``source``.

    Args:
        own_nodes: Whether ``--label`` and ``--key`` are among them.
        named: Whether ``--project`` is.
        frozen: Whether ``--snapshot`` is.
    """
    options = [*OPTIONS, *(OWN_NODES if own_nodes else ()), *((FROZEN,) if frozen else ())]
    if not named:
        options.remove(OPTIONS[1])

    def decorated(function: F) -> F:
        @functools.wraps(function)
        def collected(
            graph: str | None,
            cypher: str | None,
            match: str | None,
            where: str | None,
            params: tuple[str, ...],
            projection: str | None = None,
            label: str | None = None,
            key: str | None = None,
            snapshot: Path | None = None,
            **rest: Any,
        ) -> Any:
            given = {"graph": graph, "cypher": cypher, "match": match, "where": where}
            given |= {"projection": projection, "label": label, "key": key}
            if snapshot is None:
                return function(source=source_of(params=params, **given), **rest)
            if params or any(value is not None for value in given.values()):
                raise UsageError(
                    "--snapshot names what to take, and so does another flag",
                    hint="what a snapshot was made from is known: leave one of the two",
                )
            return function(source={"snapshot": str(snapshot)}, **rest)

        for option in reversed(options):
            collected = option(collected)
        return collected  # type: ignore[return-value]

    return decorated


def source_of(
    *,
    graph: str | None,
    projection: str | None,
    cypher: str | None,
    match: str | None,
    where: str | None,
    label: str | None,
    key: str | None,
    params: tuple[str, ...],
) -> dict[str, Any]:
    """What a run remembers of where its triples came from.

    Returns:
        ``projection`` and ``params``, still to be looked up; or ``cypher`` with ``params``,
        ``graph``, ``label`` and ``key``; or ``graph``.

    Raises:
        UsageError: Flags that do not go together, or a file that cannot be read.
    """
    if where and match is None:
        raise UsageError("--where belongs to --match", hint="add a pattern, or leave --where")
    named = {"--project": projection, "--cypher": cypher, "--match": match}
    chosen = [flag for flag, value in named.items() if value is not None]
    if len(chosen) > 1:
        raise UsageError(
            f"{' and '.join(chosen)} each name something else", hint="leave one of them"
        )
    if bool(label) != bool(key):
        raise UsageError("--label and --key go together", hint="--label Person --key email")
    if projection is not None:
        if graph or label:
            raise UsageError(
                "a projection says itself which nodes it is of",
                hint="leave --graph, --label and --key",
            )
        return source_of_projection(projection, params)
    values = values_of(params)
    if not chosen:
        if params or label:
            raise UsageError(
                "--param, --label and --key belong to a query",
                hint="add --cypher or --match, or leave them",
            )
        return {"graph": graph} if graph else dict(NOTHING_SAID)
    if match is not None:
        from kgplatform.store.pattern import pattern_query

        cypher = pattern_query(match, where, key or "id", own=key is None)
        if key is None:
            graph = graph or "default"
            values["graph"] = graph
    assert cypher is not None
    return {
        "cypher": query_text(cypher),
        "params": values,
        "graph": graph,
        "label": label,
        "key": key,
    }


def source_of_projection(projection: str, params: tuple[str, ...]) -> dict[str, Any]:
    """The source of a named projection, still to be looked up."""
    return {"projection": projection, "params": values_of(params)}


def query_text(cypher: str) -> str:
    """The query itself, or the content of the file that was named.

    Raises:
        UsageError: The file cannot be read.
    """
    if cypher.endswith((".cypher", ".cql")):
        try:
            return Path(cypher).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{cypher} cannot be read: {error}", hint="check the path") from None
    return cypher


def pairs(flag: str, given: tuple[str, ...]) -> dict[str, str]:
    """Values of a flag that is given as ``NAME=VALUE``, by name.

    Raises:
        UsageError: One has no ``=``.
    """
    found = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise UsageError(f"{flag} {text!r} is not NAME=VALUE", hint=f"{flag} name=value")
        found[name.strip()] = value.strip()
    return found


def values_of(params: tuple[str, ...]) -> dict[str, Any]:
    """Values of ``--param``, by name.

    Raises:
        UsageError: One has no ``=``.
    """
    return {name: _value(text) for name, text in pairs("--param", params).items()}


def _value(text: str) -> Any:
    """A query parameter as JSON where it is JSON (3, true, ["a"]), else as the text it is."""

    try:
        return parsed_json(text)
    except ValueError:
        return text
