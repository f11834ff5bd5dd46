"""What a user's query must be before it runs: reading only, and nothing beyond the graph.

The server's own plan is judged, not the text: patterns over text were bypassed wherever they
were tried, while a plan names every operator that would run.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from kgplatform.errors import QueryRefusedError
from kgplatform.store.client import Store

READING_PROCEDURES = frozenset(
    {
        "db.labels",
        "db.relationshiptypes",
        "db.propertykeys",
        "db.index.fulltext.querynodes",
        "db.index.fulltext.queryrelationships",
        "db.index.vector.querynodes",
        "db.index.vector.queryrelationships",
    }
)
"""Procedures that a query may call, in lower case."""


@dataclass(frozen=True, slots=True)
class ReadingPlan:
    """What the server says of a query before it runs.

    Attributes:
        columns: The columns that it returns.
        estimated_rows: How many rows the planner expects; a guess.
        operators: What it would do, by the names of the plan's operators.
    """

    columns: tuple[str, ...]
    estimated_rows: float
    operators: tuple[str, ...]


def check_reading(
    store: Store, query: str, params: Mapping[str, Any], columns: Sequence[str]
) -> ReadingPlan:
    """Refuse a query that would write, read files, call out, or lack a column.

    Args:
        store: The database that would run it.
        query: One Cypher statement.
        params: Its parameters.
        columns: Names that it must return; it may return more.

    Returns:
        Its columns and the planner's estimate.

    Raises:
        QueryRefusedError: What is wrong and, where the server says it, at which place.
    """
    if not query.strip():
        raise QueryRefusedError("the query is empty", hint=f"it returns {', '.join(columns)}")
    returned, summary = store.explain(query, params)
    if summary.query_type != "r" or summary.plan is None:
        raise QueryRefusedError(
            "the query would write or administer, and only reading is allowed here",
            hint="leave MATCH … RETURN, and write through `kgp load`, `kgp write` or Browser",
        )
    for operator, details in _operators(summary.plan):
        if operator == "LoadCSV":
            raise QueryRefusedError(
                "LOAD CSV is not allowed here: it reads files and addresses of the server",
                hint="load the file with `kgp load`",
            )
        if operator == "ProcedureCall":
            name = details.partition("(")[0].strip()
            if name.lower() not in READING_PROCEDURES:
                raise QueryRefusedError(
                    f"the procedure {name} is not allowed here",
                    hint=f"allowed: {', '.join(sorted(READING_PROCEDURES))}",
                )
    missing = [column for column in columns if column not in returned]
    if missing:
        raise QueryRefusedError(
            f"the query returns {', '.join(returned)}, but not {', '.join(missing)}",
            hint=f"name its columns, as in: RETURN h.id AS {columns[0]}, …",
        )
    return ReadingPlan(
        returned,
        float(summary.plan["args"].get("EstimatedRows", 0)),
        tuple(operator for operator, _ in _operators(summary.plan)),
    )


def check_columns(
    returned: Sequence[str], required: Sequence[str], optional: Sequence[str]
) -> list[str]:
    """The columns of a query that mean nothing here.

    Raises:
        QueryRefusedError: One of them looks like a slip for a column that would be used.
    """
    unused = [name for name in returned if name not in (*required, *optional)]
    missing = [name for name in optional if name not in returned]
    for name in unused:
        if meant := get_close_matches(name.lower(), missing, n=1, cutoff=0.75):
            raise QueryRefusedError(
                f"the query returns a column {name}, which would not be used",
                hint=f"did you mean {meant[0]}? Else give it another name, or leave it",
            )
    return unused


def _operators(plan: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    name = str(plan["operatorType"]).partition("@")[0]
    yield name, str(plan.get("args", {}).get("Details", ""))
    for child in plan.get("children", ()):
        yield from _operators(child)
