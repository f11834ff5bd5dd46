"""What a projection's graph looks like: its size, shape and what spoils results on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse
from scipy.sparse.csgraph import connected_components

from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.graph.split import Leaks, find_leaks
from kgplatform.triples import SPLITS

EXAMPLES = 5


@dataclass(frozen=True)
class RelationReport:
    """One relation.

    Attributes:
        name: Its name.
        facts: Its facts.
        heads: Its distinct heads.
        tails: Its distinct tails.
        reversed: Share of its facts (h, t) of which it also has (t, h); 1 is a symmetric one.
    """

    name: str
    facts: int
    heads: int
    tails: int
    reversed: float


@dataclass(frozen=True)
class SplitReport:
    """A split that is not trained on, against train.

    Attributes:
        name: ``valid`` or ``test``.
        facts: Its facts.
        reversed: Share of them (h, t) for which train has a fact (t, h), of whatever relation:
            inverse leakage (Toutanova and Chen 2015; Dettmers et al. 2018).
        repeated: Share for which train has another fact (h, t).
    """

    name: str
    facts: int
    reversed: float
    repeated: float


@dataclass(frozen=True)
class GraphReport:
    """A snapshot in figures.

    Attributes:
        entities: How many.
        facts: How many, each once.
        relations: By number of facts, the largest first.
        degree: Facts an entity is in, in either place: mean, median and most, and who has most.
        isolated: Entities without a fact.
        isolated_examples: Some of them.
        components: Parts that no fact joins, isolated entities not counted.
        largest: Share of the other entities that is in the largest of them.
        loops: Facts from an entity to itself.
        splits: valid and test, where there are any.
        leaks: What else gives them away.
    """

    entities: int
    facts: int
    relations: tuple[RelationReport, ...]
    degree: tuple[float, float, int, str]
    isolated: int
    isolated_examples: tuple[str, ...]
    components: int
    largest: float
    loops: int
    splits: tuple[SplitReport, ...]
    leaks: Leaks


def describe(snapshot: KGSnapshot) -> GraphReport:
    """Figures of a snapshot with at least one edge."""
    heads, tails = snapshot.edge_index.numpy()
    total = snapshot.num_entities
    degree = np.bincount(heads, minlength=total) + np.bincount(tails, minlength=total)
    alone = np.flatnonzero(degree == 0)
    most = int(degree.argmax())
    joined = scipy.sparse.coo_array((np.ones(heads.size, np.bool_), (heads, tails)), (total, total))
    _, component = connected_components(joined, directed=False)
    sizes = np.bincount(component[degree > 0])
    sizes = sizes[sizes > 0]
    return GraphReport(
        entities=total,
        facts=snapshot.num_edges,
        relations=_relations(snapshot),
        degree=(
            float(degree.mean()),
            float(np.median(degree)),
            int(degree[most]),
            snapshot.entities[most],
        ),
        isolated=int(alone.size),
        isolated_examples=tuple(snapshot.entities[place] for place in alone[:EXAMPLES].tolist()),
        components=int(sizes.size),
        largest=float(sizes.max() / sizes.sum()),
        loops=int((heads == tails).sum()),
        splits=_splits(snapshot),
        leaks=find_leaks(snapshot),
    )


def _relations(snapshot: KGSnapshot) -> tuple[RelationReport, ...]:
    heads, tails = snapshot.edge_index.numpy()
    kinds, total = snapshot.edge_type.numpy(), snapshot.num_entities
    # Few relations hold most facts, so each is looked at for itself.
    order = np.argsort(kinds, kind="stable")
    bounds = np.searchsorted(kinds[order], np.arange(snapshot.num_relations + 1))
    reports = []
    for code, name in enumerate(snapshot.relations):
        facts = order[bounds[code] : bounds[code + 1]]
        if not facts.size:
            continue
        here, there = heads[facts], tails[facts]
        forth, back = here * total + there, there * total + here
        reports.append(
            RelationReport(
                name,
                int(facts.size),
                int(np.unique(here).size),
                int(np.unique(there).size),
                float((np.isin(back, forth) & (here != there)).mean()),
            )
        )
    return tuple(sorted(reports, key=lambda each: (-each.facts, each.name)))


def _splits(snapshot: KGSnapshot) -> tuple[SplitReport, ...]:
    heads, tails = snapshot.edge_index.numpy()
    split, total = snapshot.split.numpy(), snapshot.num_entities
    train = split == SPLITS.index("train")
    known = heads[train] * total + tails[train]
    reports = []
    for name in ("valid", "test"):
        chosen = split == SPLITS.index(name)
        if chosen.any():
            here, there = heads[chosen], tails[chosen]
            turned = np.isin(there * total + here, known) & (here != there)
            again = np.isin(here * total + there, known)
            reports.append(
                SplitReport(name, int(chosen.sum()), float(turned.mean()), float(again.mean()))
            )
    return tuple(reports)
