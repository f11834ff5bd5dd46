"""What a walker learns from: a graph to walk on, and questions by split."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kgplatform.errors import TrainingError
from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.graph.split import ensure_split
from kgplatform.triples import SPLITS, Split
from kgplatform.walk.env import Walks
from kgplatform.walk.graph import ActionTable, action_table, walkable
from kgplatform.walk.queries import (
    KnownEnds,
    Queries,
    asked_of,
    fact_queries,
    known_ends,
    text_queries,
)
from kgplatform.walk.settings import WalkerSettings
from kgplatform.walk.shortest import adjacency, count_walks

FEWEST_STEPS, USUAL_STEPS = 2, 3
NEARLY_ALL = 0.95
"""Of what three steps reach: where two reach this share, two are taken."""

LOOKED_AT = 1_000
"""Questions by which the number of steps is chosen."""

QUERIES_AT_ONCE = 256


@dataclass(frozen=True)
class Wording:
    """How people call what a task is about.

    Attributes:
        questions: In words, by the row of their vector.
        names: Of entities, by entity_index.
        relations: By index.
    """

    questions: tuple[str, ...]
    names: tuple[str, ...]
    relations: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Task:
    """A graph and questions.

    Attributes:
        snapshot: With every fact in a split; only those of train are walked on.
        given: The snapshot as it was given, perhaps without a split.
        questions: By split; ``valid`` and ``test`` may be empty.
        texts: Vectors of questions in words, float32 [T, D]; None if facts are asked for.
        wording: Of questions in words.
    """

    snapshot: KGSnapshot
    given: KGSnapshot
    questions: Mapping[Split, Queries]
    texts: Tensor | None = None
    wording: Wording | None = None


def fact_task(snapshot: KGSnapshot, settings: WalkerSettings) -> Task:
    """Facts with one end missing; a graph without a split is split as for every model.

    Raises:
        TrainingError: No fact is in train.
    """
    split = ensure_split(
        snapshot,
        seed=settings.seed,
        valid_share=settings.valid_share,
        test_share=settings.test_share,
    )
    split = walkable(split)
    questions = {
        # Validation and test ask from both sides; what is reported says which.
        name: fact_queries(
            split.triples(name),
            snapshot.num_relations,
            both=settings.both_sides or name != "train",
        )
        for name in SPLITS
    }
    return Task(split, snapshot, questions)


def text_task(
    snapshot: KGSnapshot,
    starts: Mapping[Split, Sequence[int]],
    answers: Mapping[Split, Sequence[Sequence[int]]],
    texts: Mapping[Split, Tensor],
    words: Mapping[Split, Sequence[str]] | None = None,
    names: Mapping[str, str] | None = None,
) -> Task:
    """Questions in words, each with the entity that it names and its answers.

    Args:
        snapshot: The graph. Its facts of valid and test, if it has such, are not walked on.
        starts: entity_index of each question's entity, by split.
        answers: entity_index of each question's answers, by split.
        texts: Vectors of the questions, float32 [n, D], by split.
        words: The questions, by split, where they are to be answered in words.
        names: Of entities, where they have others than their ids.

    Raises:
        TrainingError: No fact is in train, or no question.
    """
    if not starts["train"]:
        raise TrainingError("there is no question to learn from", hint="give more questions")
    first, questions = 0, {}
    for name in SPLITS:
        questions[name] = text_queries(starts[name], answers[name], first)
        first += len(starts[name])
    every = torch.cat([texts[name] for name in SPLITS])
    task = Task(walkable(snapshot), snapshot, questions, every)
    if words is None:
        return task
    wording = Wording(
        tuple(question for name in SPLITS for question in words[name]),
        tuple((names or {}).get(entity, entity) for entity in snapshot.entities),
        tuple(snapshot.relations),
    )
    return dataclasses.replace(task, wording=wording)


def actions_of(task: Task, settings: WalkerSettings) -> ActionTable:
    """The actions of a task's training facts."""
    snapshot = task.snapshot
    return action_table(
        snapshot.triples("train"),
        snapshot.num_entities,
        snapshot.num_relations,
        settings.max_actions,
    )


def walks_of(task: Task, settings: WalkerSettings) -> Walks:
    """The graph to walk on; where ``steps`` is 0, two steps if they reach nearly what three do.

    Raises:
        TrainingError: No answer can be reached.
    """
    table = actions_of(task, settings)
    if settings.steps:
        return Walks(table, settings.steps)
    # Validation, where there is such, is more like what will be asked than what is known.
    split: Split = "valid" if len(task.questions["valid"]) else "train"
    queries = task.questions[split]
    generator = torch.Generator().manual_seed(settings.seed)
    some = queries[torch.randperm(len(queries), generator=generator)[:LOOKED_AT]]
    known = known_ends(task.snapshot)
    two, three = (
        reachable(Walks(table, steps), known, some, training=split == "train").float().mean()
        for steps in (FEWEST_STEPS, USUAL_STEPS)
    )
    if not three:
        raise TrainingError(
            f"of {len(some)} questions none has an answer that three steps lead to",
            hint="check that questions and graph belong together, or set steps or max_actions",
        )
    return Walks(table, FEWEST_STEPS if two >= NEARLY_ALL * three else USUAL_STEPS)


def reachable(walks: Walks, known: KnownEnds, queries: Queries, *, training: bool) -> Tensor:
    """Whether an answer of each question can be reached within the steps, bool [Q].

    Args:
        walks: The graph.
        known: Training facts.
        queries: Questions.
        training: Whether they are training facts, whose own edges are masked.
    """
    matrix = adjacency(walks.table)
    found = [torch.zeros(0, dtype=torch.bool)]
    for rows in torch.split(torch.arange(len(queries)), QUERIES_AT_ONCE):
        asked = asked_of(queries[rows], known, training=training)
        found.append(count_walks(walks, matrix, asked).length(asked.start).cpu() >= 0)
    return torch.cat(found)
