"""Ranks of answers by search: filtered, with realistic ties, and nothing for what is not reached.

Entities at which no walk of the beam ends share the last place: an answer among them gets the mean
of their ranks, not the best of them (docs/decisions/0003-evaluation-protocol.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor

from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.progress import Progress, silent
from kgplatform.training.bootstrap import mrr_interval
from kgplatform.training.known import known_of_snapshot
from kgplatform.training.metrics import metrics_of, metrics_of_ranks
from kgplatform.training.ranks import Ranks, rank
from kgplatform.triples import Split
from kgplatform.walk.beam import beam_search, questions_at_once
from kgplatform.walk.env import Walks
from kgplatform.walk.learner import Chooser
from kgplatform.walk.queries import KnownEnds, Queries, asked_of, batches
from kgplatform.walk.task import Task, reachable

UNREACHED = -1e30


def ranks_of_queries(
    chooser: Chooser,
    walks: Walks,
    known: KnownEnds,
    snapshot: KGSnapshot,
    queries: Queries,
    size: int,
    progress: Progress = silent,
) -> Tensor:
    """Ranks by beam search, as :func:`filtered_ranks` makes them, float64 [Q].

    Search knows the training facts alone.

    Args:
        chooser: What walks.
        walks: The graph of training facts.
        known: Training facts.
        snapshot: With the facts of all splits.
        queries: Questions.
        size: Of the beam.
        progress: Told of questions done.
    """

    def scored() -> Iterator[tuple[Queries, Tensor]]:
        done = 0
        for some in batches(queries, questions_at_once(size)):
            asked = asked_of(some, known, training=False)
            yield some, beam_search(chooser, walks, asked, size).ends
            done += len(some)
            progress("walking", done, len(queries))

    return filtered_ranks(scored(), snapshot)


def filtered_ranks(scored: Iterable[tuple[Queries, Tensor]], snapshot: KGSnapshot) -> Tensor:
    """The rank of each question's answer; of several answers the best, float64 [Q].

    Answers that facts of any split give do not compete, nor do a question's other answers.

    Args:
        scored: Some questions at a time with scores of all entities, [B, N]; -inf: unreached.
        snapshot: With the facts of all splits.
    """
    filtered = known_of_snapshot(snapshot, torch.device("cpu"))
    found = [torch.zeros(0, dtype=torch.float64)]
    for some, scores in scored:
        relation = some.relation % snapshot.num_relations
        hidden = [some.pairs()]
        by_relation = some.relation >= 0
        tails = some.relation < snapshot.num_relations
        for here, side in ((tails, filtered.tails), (~tails, filtered.heads)):
            place = (here & by_relation).nonzero().squeeze(1)
            row, entity = side.of(some.start[place], relation[place])
            hidden.append((place[row], entity))
        found.append(_best_ranks(scores.cpu().clamp_min(UNREACHED), some, hidden))
    return torch.cat(found)


def _best_ranks(scores: Tensor, queries: Queries, hidden: list[tuple[Tensor, Tensor]]) -> Tensor:
    """The best rank of each question's answers, [B]; ``hidden`` are rows and entities."""
    row, answer = queries.pairs()
    out, entity = (torch.cat(parts) for parts in zip(*hidden, strict=True))
    away = torch.zeros(scores.shape, dtype=torch.bool)
    away[out, entity] = True
    # A row an answer: a question with several is ranked several times.
    place, other = away[row].nonzero().unbind(1)
    ranks = rank(scores[row], answer, (place, other))
    best = torch.full((len(queries),), torch.inf, dtype=torch.float64)
    return best.scatter_reduce(0, row, ranks, "amin")


def judge(
    chooser: Chooser,
    walks: Walks,
    known: KnownEnds,
    task: Task,
    split: Split,
    size: int,
    *,
    most: int | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Metrics of a split's questions.

    Of facts those of both sides together, of ``head`` and of ``tail``, as every model has them; of
    questions in words the rank is that of the best answer.

    Args:
        chooser: What walks.
        walks: The graph.
        known: Training facts.
        task: With the questions.
        split: Which of them.
        size: Of the beam.
        most: Only so many facts or questions, drawn with a fixed seed.
        progress: Told of questions done.
    """
    queries = task.questions[split]
    facts = len(queries) // 2
    by_words = task.texts is not None
    count = len(queries) if by_words else facts
    rows = torch.arange(count)
    if most is not None and count > most:
        rows = torch.randperm(count, generator=torch.Generator().manual_seed(0))[:most]
    if by_words:
        ranks = ranks_of_queries(
            chooser, walks, known, task.snapshot, queries[rows], size, progress
        )
        return metrics_of_ranks(ranks).to_json()
    both = queries[torch.cat((rows, rows + facts))]
    ranks = ranks_of_queries(chooser, walks, known, task.snapshot, both, size, progress)
    of_sides = Ranks(tail=ranks[: len(rows)], head=ranks[len(rows) :])
    return metrics_of(of_sides).to_json() | {"mrr_interval": list(mrr_interval(of_sides))}


def reached(walks: Walks, known: KnownEnds, task: Task, split: Split) -> float:
    """The share of a split's questions whose answer a walk can reach at all."""
    queries = task.questions[split]
    return float(reachable(walks, known, queries, training=split == "train").float().mean())
