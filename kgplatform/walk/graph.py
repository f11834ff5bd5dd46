"""What can be done at each entity: the actions of a walk, as columns by entity (CSR)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from kgplatform.errors import TrainingError, UsageError
from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.triples import SPLITS

DAMPING = 0.85
MOST_ROUNDS = 100
CLOSE_ENOUGH = 1e-10


@dataclass(frozen=True, eq=False)
class ActionTable:
    """The steps that lead away from each entity, the one that stays first.

    Relation q + R is q from tail to head, 2R is the step that stays, 2R + 1 marks the start of a
    walk and is no step.

    Attributes:
        num_entities: N.
        num_relations: R.
        first: Where the actions of each entity begin, int64 [N].
        count: How many each has, at least 1, int64 [N].
        relation: Of each action, int64 [A].
        target: Where it leads, int64 [A].
        dropped: Steps that were left out, for want of room.
    """

    num_entities: int
    num_relations: int
    first: Tensor
    count: Tensor
    relation: Tensor
    target: Tensor
    dropped: int

    @property
    def stay(self) -> int:
        """The relation of the step that stays, 2R."""
        return 2 * self.num_relations

    @property
    def begin(self) -> int:
        """What stands in a relation's place before the first step, 2R + 1."""
        return 2 * self.num_relations + 1

    @property
    def device(self) -> torch.device:
        """Where the columns are."""
        return self.first.device

    def inverse(self, relation: Tensor) -> Tensor:
        """The same relations from their other end, int64 [...]."""
        return (relation + self.num_relations) % (2 * self.num_relations)

    def to(self, device: torch.device) -> ActionTable:
        """The same table on a device."""
        columns = ("first", "count", "relation", "target")
        return replace(self, **{name: getattr(self, name).to(device) for name in columns})


def walkable(snapshot: KGSnapshot) -> KGSnapshot:
    """The snapshot in which facts that the source gives no split are training facts.

    Raises:
        TrainingError: Then there is still no training fact.
    """
    split = snapshot.split.clamp_min(SPLITS.index("train"))
    if not bool((split == SPLITS.index("train")).any()):
        raise TrainingError(
            "there is nothing to walk on: no fact of the graph is in train",
            hint="check the graph's name, or load it first",
        )
    return snapshot.with_split(split)


def action_table(facts: Tensor, num_entities: int, num_relations: int, most: int) -> ActionTable:
    """Actions from facts: both directions of each, and the step that stays.

    Of an entity with more than ``most`` actions those are kept whose targets have the highest
    PageRank, as MultiHopKG does (Lin et al. 2018, "Multi-Hop Knowledge Graph Reasoning with Reward
    Shaping").

    Args:
        facts: Training facts, int64 [E, 3]; copies count once.
        num_entities: N.
        num_relations: R.
        most: Most actions of an entity, the one that stays among them.

    Raises:
        UsageError: There would be no room for a step.
    """
    if most < 2:
        raise UsageError(f"the setting max_actions is {most}", hint="at least 2")
    steps = directed_steps(facts.numpy(), num_relations)
    ranks = page_rank(steps, num_entities)
    order = np.lexsort((steps[:, 2], steps[:, 1], -ranks[steps[:, 2]], steps[:, 0]))
    steps = steps[order]
    start = np.searchsorted(steps[:, 0], np.arange(num_entities))
    kept = steps[np.arange(len(steps)) - start[steps[:, 0]] < most - 1]
    every = np.arange(num_entities)
    stays = np.stack([every, np.full(num_entities, 2 * num_relations), every], axis=1)
    both = np.concatenate([stays, kept])
    # Stable: the step that stays comes before the others of its entity.
    both = both[np.argsort(both[:, 0], kind="stable")]
    count = np.bincount(both[:, 0], minlength=num_entities)
    return ActionTable(
        num_entities,
        num_relations,
        torch.from_numpy(np.cumsum(count) - count),
        torch.from_numpy(count),
        torch.from_numpy(both[:, 1].copy()),
        torch.from_numpy(both[:, 2].copy()),
        len(steps) - len(kept),
    )


def directed_steps(facts: np.ndarray, num_relations: int) -> np.ndarray:
    """Facts [E, 3] in both directions, each once, int64 [S, 3]."""
    turned = facts[:, ::-1] + np.array([0, num_relations, 0])
    return np.unique(np.concatenate([facts, turned]), axis=0)


def page_rank(steps: np.ndarray, num_entities: int) -> np.ndarray:
    """PageRank of entities over directed steps (Page et al. 1999), float64 [N]."""
    ones = np.ones(len(steps))
    shape = (num_entities, num_entities)
    into = sp.csr_array(sp.coo_array((ones, (steps[:, 2], steps[:, 0])), shape=shape))
    out = np.bincount(steps[:, 0], minlength=num_entities)
    ranks = np.full(num_entities, 1 / num_entities)
    for _ in range(MOST_ROUNDS):
        share = np.where(out > 0, ranks / np.maximum(out, 1), 0)
        lost = ranks[out == 0].sum()
        new = (1 - DAMPING + DAMPING * lost) / num_entities + DAMPING * (into @ share)
        done = np.abs(new - ranks).sum() < CLOSE_ENOUGH
        ranks = new
        if done:
            break
    return ranks
