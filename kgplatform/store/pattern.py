"""A pattern of Cypher as a query: for triples, which can always be cut into ranges, or for all."""

import re

from kgplatform.queries import quote


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
    conditions = ["type(r) <> 'PREDICTED'"]
    if own:
        conditions += ["h.graph = $graph", "t.graph = $graph"]
    if where:
        # On lines of its own, so that a comment at its end hides nothing.
        conditions.append(f"(\n{where}\n)")
    # The first MATCH names the node by which the query can be cut, wherever the pattern has it.
    return (
        f"MATCH (h) MATCH\n{match}\nWHERE {' AND '.join(conditions)}\n"
        f"RETURN h.{quote(key)} AS head, type(r) AS relation, t.{quote(key)} AS tail"
        + (", r.split AS split" if own else "")
    )


_PATTERN = re.compile(r"(\s|//[^\n]*\n|/\*.*?\*/)*(\w+\s*=\s*\w*\s*)?\(", re.DOTALL)
"""How a text begins that is a pattern and no query: ``(a)`` or ``p = shortestPath(…)``."""


def matching_query(text: str) -> str:
    """A query as it is; a pattern alone as the query that returns all that it names."""
    return f"MATCH\n{text}\nRETURN *" if _PATTERN.match(text) else text
