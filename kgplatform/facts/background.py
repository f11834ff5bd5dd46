"""What is known of a graph when a candidate is judged: its facts, its schema, what was trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from kgplatform.facts.records import CandidateFact
from kgplatform.facts.structure import Structure
from kgplatform.rules.matrices import RelationMatrices, matrices_of
from kgplatform.text.extract.schema import Schema

if TYPE_CHECKING:
    from kgplatform.facts.text_plausibility import TextPlausibility
    from kgplatform.graph.snapshot import KGSnapshot
    from kgplatform.models import LinkModel
    from kgplatform.rules.table import RuleTable
    from kgplatform.training.artifacts import Run
    from kgplatform.triples import Split

UNKNOWN = -1
"""Index of an entity or relation that the graph does not have."""


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """A link model and what its rows stand for; they need not be those of the graph as it is now.

    Attributes:
        model: On the CPU.
        entities: entity_ids, a row each.
        relations: Names, a row each.
    """

    model: LinkModel
    entities: Sequence[str]
    relations: Sequence[str]


def trained_model(run: Run) -> TrainedModel:
    """The model of a run.

    Raises:
        RunError: A file of it is missing or damaged, or it is no run of links.
    """
    from kgplatform.training.artifacts import load_model, load_vocabulary

    entities, relations = load_vocabulary(run)
    return TrainedModel(load_model(run), entities, relations)


@dataclass(frozen=True, eq=False)
class Background:
    """A graph and what was learnt of it.

    Attributes:
        entities: entity_ids, [N].
        relations: Names, [R].
        facts: What is asserted, as rows (head, relation, tail), int64 [E, 3].
        labels: Labels of entities by entity_id, new ones too; those without are left out.
        schema: What relations may join, if there is a schema.
        models: Trained on this graph, or on it as it was.
        rules: Mined from these facts, in order of falling confidence.
        text: Plausibility by texts, also of entities that the graph does not have.
        new: entity_ids of what texts alone name.
    """

    entities: Sequence[str]
    relations: Sequence[str]
    facts: np.ndarray
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    schema: Schema | None = None
    models: Sequence[TrainedModel] = ()
    rules: RuleTable | None = None
    text: TextPlausibility | None = None
    new: frozenset[str] = frozenset()

    @cached_property
    def entity_index(self) -> dict[str, int]:
        """Rows by entity_id."""
        return {name: row for row, name in enumerate(self.entities)}

    @cached_property
    def relation_index(self) -> dict[str, int]:
        """Rows by relation."""
        return {name: row for row, name in enumerate(self.relations)}

    @cached_property
    def matrices(self) -> RelationMatrices:
        """The asserted facts, sparse."""
        return matrices_of(self.facts, len(self.entities), len(self.relations))

    @cached_property
    def structure(self) -> Structure:
        """Counts over the asserted facts."""
        return Structure(self.matrices, self.facts)

    def with_kinds(self, labels: Mapping[str, tuple[str, ...]], new: frozenset[str]) -> Background:
        """The same with other labels and new ones; what was worked out of the facts is kept."""
        other = replace(self, labels=labels, new=new)
        for name in ("entity_index", "relation_index", "matrices", "structure"):
            # Where a cached property keeps its value.
            other.__dict__[name] = getattr(self, name)
        return other

    def rows_of(self, candidates: Sequence[CandidateFact]) -> np.ndarray:
        """Candidates by index, int64 [n, 3]; ``UNKNOWN`` for what the graph does not have."""
        rows = [
            (
                self.entity_index.get(each.head, UNKNOWN),
                self.relation_index.get(each.relation, UNKNOWN),
                self.entity_index.get(each.tail, UNKNOWN),
            )
            for each in candidates
        ]
        return np.array(rows, dtype=np.int64).reshape(-1, 3)


def background_of(
    snapshot: KGSnapshot,
    *,
    split: Split | None = None,
    labels: Mapping[str, tuple[str, ...]] | None = None,
    schema: Schema | None = None,
    models: Sequence[TrainedModel] = (),
    rules: RuleTable | None = None,
    text: TextPlausibility | None = None,
) -> Background:
    """The background that a snapshot gives.

    Args:
        snapshot: The graph.
        split: Whose facts are asserted; None for all.
        labels: Labels of entities.
        schema: Of the graph.
        models: Trained on it, or on the graph as it was.
        rules: Mined from it.
        text: Plausibility by texts.
    """
    return Background(
        snapshot.entities,
        snapshot.relations,
        snapshot.triples(split).numpy(),
        labels or {},
        schema,
        models,
        rules,
        text,
    )
