"""What the graph, its rules and its models say of triples, by index."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from kgplatform.facts.background import UNKNOWN, Background
from kgplatform.facts.model_features import model_features
from kgplatform.facts.structure import FEW, NEVER_BELOW, Structure
from kgplatform.rules.apply import BITS, DEPTH, MOST_LEVELS, Applier, keys_of

Columns = dict[str, np.ndarray]


def graph_features(triples: np.ndarray, background: Background) -> Columns:
    """Columns of the groups ``head``, ``tail``, ``pair``, ``rules`` and ``model``.

    Args:
        triples: int64 [n, 3], ``UNKNOWN`` for what the graph does not have.
        background: The graph; no feature looks at whether the triple itself is a fact, but
            ``asserted``.

    Returns:
        float64 [n] each; NaN where an end or the relation is unknown, or nothing is known of it.
    """
    known = triples != UNKNOWN
    structure = background.structure
    columns: Columns = {}
    for end, at in (("head", 0), ("tail", 2)):
        made = partial(_end_features, structure=structure, end=end)
        columns |= _where(known[:, 1] & known[:, at], triples, made)
    both = known.all(axis=1)
    columns |= _where(both, triples, lambda rows: _pair_features(rows, structure))
    if background.rules is not None:
        applier = Applier(background.matrices, background.rules)
        columns |= _where(both, triples, lambda rows: _rule_features(rows, applier))
    if background.models:
        columns |= model_features(triples, background)
    return columns


def _where(mask: np.ndarray, triples: np.ndarray, made: Callable[[np.ndarray], Columns]) -> Columns:
    """The columns of some rows, NaN in the others."""
    found = {}
    # Names are known even of no rows, so that all calls have the same columns.
    for name, values in made(triples[mask]).items():
        column = np.full(len(triples), np.nan)
        column[mask] = values
        found[name] = column
    return found


def _end_features(triples: np.ndarray, structure: Structure, end: str) -> Columns:
    head, relation, tail = triples.T
    directed = relation if end == "head" else relation + structure.r
    entity = head if end == "head" else tail
    mean, most = structure.fit(entity, directed)
    # The triple itself does not count, so that a fact is judged as one that is not known.
    count = structure.count(entity, directed) - structure.asserted(triples)
    single = structure.single_share[directed]
    found = {
        "fit": mean,
        "fit_most": most,
        "count": np.log1p(count),
        "single": single,
        "clash": single * (count > 0),
        "degree": np.log1p(structure.degree[entity]),
    }
    return {f"{end}_{name}": np.asarray(values, dtype=float) for name, values in found.items()}


def _pair_features(triples: np.ndarray, structure: Structure) -> Columns:
    head, relation, tail = triples.T
    joined, common = structure.between(head, tail)
    mirror = structure.asserted(np.stack([tail, relation, head], axis=1)) & (head != tail)
    enough = structure.facts_of[relation] >= FEW
    found = {
        "joined": joined,
        "common": common,
        "joining": structure.joining(triples),
        "mirrored": mirror * structure.mirror_share[relation],
        "mirror_against": mirror & enough & (structure.mirror_share[relation] < NEVER_BELOW),
        "loop_against": (head == tail) & enough & (structure.loop_share[relation] < NEVER_BELOW),
        "asserted": structure.asserted(triples),
    }
    for end, entity, directed, answer in (
        ("head", head, relation, tail),
        ("tail", tail, relation + structure.r, head),
    ):
        share, nearest = structure.alike(entity, directed, answer)
        found |= {f"{end}_alike": share, f"{end}_nearest": nearest}
    return {name: np.asarray(values, dtype=float) for name, values in found.items()}


def _rule_features(triples: np.ndarray, applier: Applier) -> Columns:
    """Confidences of the rules that give a triple; they are the same from either side."""
    best = _best_rules(applier, *triples.T)
    return {
        "rule": best[:, 0],
        "rule_second": best[:, 1],
        "rules": 1 - np.prod(1 - best, axis=1),
    }


def _best_rules(
    applier: Applier, head: np.ndarray, relation: np.ndarray, tail: np.ndarray
) -> np.ndarray:
    """Confidences of the best rules of each triple, falling, [n, DEPTH]; 0 for none."""
    best = np.zeros((len(head), DEPTH))
    for asked in np.unique(relation).tolist():
        here = np.flatnonzero(relation == asked)
        queries, place = np.unique(head[here], return_inverse=True)
        keys = keys_of(applier, asked, queries)[place, tail[here]]
        rows = applier.of_relation(asked)
        of_level = np.zeros(int(applier.levels[rows].max(initial=0)) + 1)
        np.maximum.at(of_level, applier.levels[rows], applier.rules.confidence[rows])
        for slot in range(DEPTH):
            best[here, slot] = of_level[(keys >> ((DEPTH - 1 - slot) * BITS)) & MOST_LEVELS]
    return best
