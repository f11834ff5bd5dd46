"""Cutting a query into ranges of nodes, so that no block of its rows outgrows the server's memory.

A query that begins with ``MATCH`` of a node, and whose plan makes each row from one way through
the pattern, gives all its rows when it runs for one range of that node after another. Whether it
is of that kind is judged by the server's plan, like whether it only reads: an operator that looks
at several rows at once (a sum, DISTINCT, LIMIT, a union) would see a part of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

ROWS_A_BLOCK = 50_000
"""Rows that a block is meant to have, by the planner's estimate."""

NODES_A_BLOCK = 10_000
"""Most nodes that one block covers."""

_PASSING = re.compile(
    r"""(?x)
    ProduceResults | Projection | Filter | CacheProperties | Argument | NullifyMetadata
    | (Optional)?Expand\((All|Into)\) | VarLengthExpand\((All|Into)\) | Repeat\(Trail\)
    | CartesianProduct | (Node|Value)HashJoin | Apply
    | (Let)?(Anti)?SemiApply | (Let)?SelectOr(Anti)?SemiApply
    | (Partitioned)?(AllNodesScan | NodeByLabelScan | UnionNodeByLabelsScan
        | IntersectionNodeByLabelsScan | SubtractionNodeByLabelsScan)
    | (Multi)?Node(Unique)?Index(Seek|Scan|ContainsScan|EndsWithScan|SeekByRange)
    | NodeBy(Id|ElementId)Seek | NodeCountFromCountStore
    | (Partitioned)?(Directed|Undirected)(Union)?RelationshipTypes?Scan
    | (Directed|Undirected)AllRelationshipsScan
    | (Directed|Undirected)RelationshipIndex(Seek|Scan|ContainsScan|EndsWithScan|SeekByRange)
    """
)
"""Operators that treat each row for itself."""

_BEGINNING = re.compile(
    r"""(?xis)
    (?: \s | //[^\n]*\n | /\*.*?\*/ )*
    MATCH \s* (?: \w+ \s* = \s* )? \( \s* (?P<node>[^\W\d]\w*) \s* [:\s){]
    """
)


@dataclass(frozen=True, slots=True)
class Cut:
    """By which node a query can be cut, or why it cannot be.

    Attributes:
        node: The variable of the node; None where it cannot.
        why: Why not.
    """

    node: str | None
    why: str = ""


def cut_of(query: str, operators: Iterable[str]) -> Cut:
    """How a reading query can be cut.

    Args:
        query: Its text.
        operators: Names of the operators in its plan.
    """
    together = sorted({name for name in operators if not _PASSING.fullmatch(name)})
    if together:
        return Cut(None, f"its plan looks at several rows at once ({', '.join(together)})")
    found = _BEGINNING.match(query)
    if found is None:
        return Cut(None, "it does not begin with MATCH of a node that has a name")
    return Cut(found["node"])


def cut_query(query: str, node: str, packed: str, returned: Sequence[str]) -> str:
    """The query as one that gives its rows range by range of the server's numbers of ``node``.

    It takes the parameters ``kgp_first``, ``kgp_end``, ``kgp_block`` and ``kgp_step`` (from the
    beginning of one range to that of the next). They and the name in it begin with ``kgp_``, so
    that they do not meet the query's own.

    Args:
        query: The query.
        node: From :func:`cut_of`.
        packed: What to return of the rows of one range: ``RETURN …``.
        returned: The names that it gives them.
    """
    return (
        f"CYPHER 5\nUNWIND range($kgp_first, $kgp_end, $kgp_step) AS kgp_low\n"
        f"CALL (kgp_low) {{\nCALL (kgp_low) {{\n"
        f"MATCH ({node}) WHERE id({node}) IN range(kgp_low, kgp_low + $kgp_block - 1)\n"
        f"{query}\n}}\n{packed}\n}}\nRETURN {', '.join(returned)}"
    )


def nodes_a_block(nodes: int, estimated_rows: float, rows: int = ROWS_A_BLOCK) -> int:
    """How many nodes a block covers, such that it has about so many rows."""
    return int(max(1, min(NODES_A_BLOCK, nodes * rows / max(estimated_rows, 1))))
