"""A pattern of Cypher as a query: for triples, plain or cut into ranges, or for all it names."""

import re

from kgplatform.queries import quote
from kgplatform.store.plain import asserted, plain_pattern


def pattern_query(match: str, where: str | None, key: str, *, own: bool) -> str:
    """The query that returns what a pattern finds as ``head, relation, tail``.

    Predicted links are left out. Nothing of the text is trusted: it is judged by its plan, like
    every query (:func:`kgplatform.store.guard.check_reading`).

    Args:
        match: A pattern that names ``h``, ``r`` and ``t``: ``(h:Person)-[r:KNOWS]->(t)``.
        where: A condition on it.
        key: The property that identifies nodes.
        own: Whether the nodes are those of kgplatform's graph ``$graph``, whose relationships
            may have a split.
    """
    returned = f"RETURN h.{quote(key)} AS head, type(r) AS relation, t.{quote(key)} AS tail"
    # On lines of its own, so that a comment at its end hides nothing.
    condition = f"(\n{where}\n)" if where else ""
    if own:
        returned += ", r.split AS split"
    plain = plain_pattern(match)
    if plain is not None and plain.names == ("h", "r", "t"):
        pattern = asserted(plain, "$graph" if own else None)
        if pattern is not None:
            return f"MATCH {pattern}\n" + (condition and f"WHERE {condition}\n") + returned
    conditions = ["type(r) <> 'PREDICTED'"]
    if own:
        conditions += ["h.graph = $graph", "t.graph = $graph"]
    if condition:
        conditions.append(condition)
    # The first MATCH names the node by which the query can be cut, wherever the pattern has it.
    return f"MATCH (h) MATCH\n{match}\nWHERE {' AND '.join(conditions)}\n{returned}"


_PATTERN = re.compile(r"(\s|//[^\n]*\n|/\*.*?\*/)*(\w+\s*=\s*\w*\s*)?\(", re.DOTALL)
"""How a text begins that is a pattern and no query: ``(a)`` or ``p = shortestPath(…)``."""


def matching_query(text: str) -> str:
    """A query as it is; a pattern alone as the query that returns all that it names."""
    return f"MATCH\n{text}\nRETURN *" if _PATTERN.match(text) else text
