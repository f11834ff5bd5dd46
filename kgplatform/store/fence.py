"""A fence around queries that somebody else wrote, a language model above all.

``store/guard.py`` has the server's plan judged for reading. Here, beside it: only operators that
are known to read the graph, only functions without a namespace or of a few that compute, one
statement without a directive to the server, in a reading transaction, for a bounded time and
number of rows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from kgplatform.errors import QueryRefusedError
from kgplatform.store.client import Store
from kgplatform.store.guard import check_reading
from kgplatform.store.match import Matched, match_pattern

SECONDS = 10.0
ROWS = 200
LONGEST_QUERY = 4_000

_OPERATORS = re.compile(
    r"""(?x)
    ProduceResults | Projection | Filter | CacheProperties | Argument | NullifyMetadata | Eager
    | (Optional)?Expand\((All|Into)\) | VarLengthExpand\((All|Into|Pruning.*)\)
    | PruningVarLengthExpand\(.*\) | BFSPruningVarLengthExpand\(.*\) | Repeat\(Trail\)
    | ShortestPath | StatefulShortestPath\((All|Into)\) | AllShortestPaths? | ProjectEndpoints
    | Optional | CartesianProduct | (Node|Value)HashJoin | (Node)?(Left|Right)OuterHashJoin
    | Apply | (Let)?(Anti)?(Semi)Apply | (Let)?SelectOr(Anti)?SemiApply | RollUpApply | Union
    | ConditionalApply | AntiConditionalApply | Conditional(Anti)?SemiApply | AssertSameNode
    | (Ordered)?(Eager)?Aggregation | (Ordered)?Distinct | (Partial)?(Sort|Top) | Top1WithTies
    | Limit | ExhaustiveLimit | Skip | Unwind | EmptyRow | EmptyResult | DropResult
    | (Partitioned)?(AllNodesScan | NodeByLabelScan | UnionNodeByLabelsScan
        | IntersectionNodeByLabelsScan | SubtractionNodeByLabelsScan | Unwind)
    | (Multi)?Node(Unique)?Index(Seek|Scan|ContainsScan|EndsWithScan|SeekByRange)
    | NodeBy(Id|ElementId)Seek | (Node|Relationship)CountFromCountStore
    | (Partitioned)?(Directed|Undirected)(Union)?RelationshipTypes?Scan
    | (Directed|Undirected)AllRelationshipsScan
    | (Directed|Undirected)RelationshipIndex(Seek|Scan|ContainsScan|EndsWithScan|SeekByRange)
    | (Directed|Undirected)RelationshipBy(Id|ElementId)Seek
    """
)
"""Operators of plans that read nodes and relationships, or compute; all others are refused."""

_NAMESPACES = frozenset(["point", "date", "datetime", "duration", "time", "vector.similarity"])
"""Namespaces of functions that compute and look at nothing."""

_COMMENT_OR_TEXT = re.compile(
    r"//[^\n]*|/\*.*?\*/|'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"|`(?:``|[^`])*`", re.DOTALL
)
_CALLED = re.compile(r"([A-Za-z_][\w.]*)\s*\.\s*\w+\s*\(")
_FIRST = re.compile(r"\s*([A-Za-z]+)")
_BEGINNINGS = frozenset(["match", "optional", "with", "unwind", "return"])


def run_fenced(
    store: Store,
    query: str,
    params: Mapping[str, Any],
    *,
    rows: int = ROWS,
    seconds: float = SECONDS,
) -> Matched:
    """Run a query that can do nothing but read the graph.

    Args:
        store: The database.
        query: One Cypher statement, whoever wrote it.
        params: Its parameters.
        rows: Most rows.
        seconds: How long the server may take.

    Raises:
        QueryRefusedError: The query is not allowed or wrong; nothing of it ran.
        StoreError: It took too long.
    """
    check_fenced(store, query, params)
    return match_pattern(store, query, params, limit=rows, seconds=seconds)


def check_fenced(store: Store, query: str, params: Mapping[str, Any]) -> None:
    """Refuse a query that might do anything but read the graph.

    Raises:
        QueryRefusedError: What is not allowed.
    """
    _check_text(query)
    plan = check_reading(store, query, params, ())
    strange = sorted({name for name in plan.operators if not _OPERATORS.fullmatch(name)})
    if strange:
        raise QueryRefusedError(
            f"the query would do what is not allowed here: {', '.join(strange)}",
            hint="MATCH, WHERE, WITH, UNWIND, UNION, RETURN, ORDER BY and LIMIT are",
        )


def _check_text(query: str) -> None:
    """What a plan does not show: directives, several statements, functions that look elsewhere."""
    if len(query) > LONGEST_QUERY:
        raise QueryRefusedError("the query is too long", hint=f"{LONGEST_QUERY} characters at most")
    # Neo4j decodes \uXXXX before it parses, so that no text would be what it seems.
    if "\\u" in query.lower():
        raise QueryRefusedError(
            "the query has Unicode escapes", hint="write the letters themselves"
        )
    plain = _COMMENT_OR_TEXT.sub(_blank, query)
    if ";" in plain.rstrip().rstrip(";"):
        raise QueryRefusedError("the query is several statements", hint="ask one")
    first = _FIRST.match(plain)
    if first is None or first[1].lower() not in _BEGINNINGS:
        raise QueryRefusedError(
            "the query does not begin with MATCH, OPTIONAL MATCH, WITH, UNWIND or RETURN",
            hint="leave USE, EXPLAIN, PROFILE, CYPHER, CALL, SHOW and all that writes",
        )
    for found in _CALLED.finditer(plain):
        space = re.sub(r"\s", "", found[1]).lower()
        if space not in _NAMESPACES:
            raise QueryRefusedError(
                f"functions of {found[1]} are not allowed here",
                hint=f"allowed: plain functions and those of {', '.join(sorted(_NAMESPACES))}",
            )


def _blank(match: re.Match[str]) -> str:
    """A name in backticks may be a namespace; a text or a comment is none."""
    text = match[0]
    return "a" + re.sub(r"\W", "_", text) if text.startswith("`") else " "
