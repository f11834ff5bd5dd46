"""Filtered, realistic ranks of many triples, in memory that the number of entities does not raise.

Scores are made in tiles of some queries by some entities and thrown away once they are counted.
A query that several triples share, as (?, born_in, warsaw), is scored once for all of them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import isqrt
from typing import Protocol

import torch
from torch import Tensor

from kgplatform.errors import TrainingError
from kgplatform.training.known import Known, KnownAnswers

log = logging.getLogger(__name__)

SCORES_AT_ONCE_CPU = 1 << 20
"""Scores of a tile on the CPU: 4 MB, which stay in the cache while they are counted."""

SCORES_AT_ONCE = 1 << 24
"""Scores of a tile elsewhere: 64 MB, enough to keep a GPU busy."""

QUERIES_AT_ONCE = 256
"""Queries of a tile, if the entities are too many for one and the queries suffice: fewer slow the
matrix product down."""

MOST_QUERIES = 4096
"""Most queries of a tile, however few the entities: known answers are looked up for all at once."""

LONGEST_TILE = 1 << 22
"""Most entities of a tile: they are counted in float32, which is exact to 2²⁴."""


class Scorer(Protocol):
    """What can be ranked: a model, or a baseline that asks as models do."""

    @property
    def num_entities(self) -> int:
        """Number of entities, N."""

    def score_tails(
        self, head: Tensor, relation: Tensor, candidates: Tensor | None = None
    ) -> Tensor:
        """Score (h, r, e) for all entities, or for ``candidates`` [N'], as [B, N]."""

    def score_heads(
        self, relation: Tensor, tail: Tensor, candidates: Tensor | None = None
    ) -> Tensor:
        """Score (e, r, t) for all entities, or for ``candidates`` [N'], as [B, N]."""


@dataclass(frozen=True)
class Ranks:
    """Ranks of triples in their order, float64 [n] each, from 1.

    Attributes:
        head: Of the head among the answers of (?, r, t).
        tail: Of the tail among the answers of (h, r, ?).
    """

    head: Tensor
    tail: Tensor

    def both(self) -> Tensor:
        """All ranks, those of the heads first, [2n]."""
        return torch.cat((self.head, self.tail))

    def of(self, places: Tensor) -> Ranks:
        """Those of some triples, by their places [m]."""
        return Ranks(head=self.head[places], tail=self.tail[places])


def scores_that_suit(device: torch.device) -> int:
    """How many scores a tile should have on a device."""
    return SCORES_AT_ONCE_CPU if device.type == "cpu" else SCORES_AT_ONCE


@dataclass(frozen=True)
class _Side:
    """One direction of asking: anchors are heads if ``score`` scores tails."""

    score: Callable[[Tensor, Tensor, Tensor | None], Tensor]
    known: KnownAnswers
    anchor: Tensor
    relation: Tensor
    target: Tensor


@dataclass(frozen=True)
class _Queries:
    """Some queries whose targets lie in one tile.

    Attributes:
        anchor: Heads or tails, [B].
        relation: Relations, [B].
        row: Query of each target, [P], ascending.
        target: True entities, [P].
        tile: Number of the tile that they lie in.
    """

    anchor: Tensor
    relation: Tensor
    row: Tensor
    target: Tensor
    tile: int


@dataclass(frozen=True)
class Tiles:
    """How scores are cut.

    Attributes:
        num_entities: N.
        count: How many tiles the entities are cut into.
        length: Entities of a tile.
        queries: Queries of a tile.
    """

    num_entities: int
    count: int
    length: int
    queries: int


@torch.no_grad()
def rank_triples(
    scorer: Scorer,
    triples: Tensor,
    known: Known,
    *,
    scores_at_once: int | None = None,
    advanced: Callable[[int], None] | None = None,
) -> Ranks:
    """Rank the head and the tail of each triple among all entities that are not known answers.

    Where memory runs out, tiles are halved and the work goes on with the triples that are left.

    Args:
        scorer: On the device of ``triples`` and ``known``.
        triples: Facts to rank, [n, 3].
        known: Facts that do not compete; a triple's own answer may be among them.
        scores_at_once: Most scores of a tile; by default what suits the device.
        advanced: Told how many ranks, of 2n, are done.

    Raises:
        TrainingError: A score is NaN or infinite, or not even a small tile fits into memory.
    """
    budget = scores_at_once or scores_that_suit(triples.device)
    head, relation, tail = triples.unbind(1)
    tails = _Side(scorer.score_tails, known.tails, head, relation, tail)

    def score_heads(tail: Tensor, relation: Tensor, candidates: Tensor | None) -> Tensor:
        return scorer.score_heads(relation, tail, candidates)

    heads = _Side(score_heads, known.heads, tail, relation, head)
    found, done = [], 0
    for side in (tails, heads):
        ranks = torch.full((len(triples),), float("nan"), dtype=torch.float64)
        while len(left := ranks.isnan().nonzero().squeeze(1)):
            try:
                for places, values in _ranked(side, scorer.num_entities, left, budget):
                    ranks[places] = values
                    done += len(places)
                    if advanced is not None:
                        advanced(done)
            except (MemoryError, RuntimeError) as error:
                if not _out_of_memory(error):
                    raise
                budget = _halved(budget, error)
        found.append(ranks)
    return Ranks(tail=found[0], head=found[1])


def _ranked(
    side: _Side, num_entities: int, places: Tensor, budget: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Ranks of the triples at ``places`` [n], as some places on the CPU and their ranks, [P] each.

    A target's score must come from the same matrix product as those that it is compared with: the
    last bit of a sum depends on how it is blocked, and equal scores must stay equal. So queries are
    taken by the tile that their targets lie in, and that tile is scored first.
    """
    tiles = tiles_of(num_entities, len(places), budget)
    places = places.to(side.target.device)
    anchor, relation, target = side.anchor[places], side.relation[places], side.target[places]
    # By tile, then query: equal keys are one query whose targets lie in one tile.
    relations = int(relation.max()) + 1
    key = (target // tiles.length * num_entities + anchor) * relations + relation
    unique, query = torch.unique(key, return_inverse=True)
    order = torch.argsort(query, stable=True)
    ends = torch.bincount(query).cumsum(0).tolist()
    tile = unique // relations // num_entities
    first = 0
    for number, many in enumerate(torch.bincount(tile).tolist()):
        for begin in range(first, first + many, tiles.queries):
            end = min(begin + tiles.queries, first + many)
            pairs = order[ends[begin - 1] if begin else 0 : ends[end - 1]]
            queries = _Queries(
                anchor=unique[begin:end] // relations % num_entities,
                relation=unique[begin:end] % relations,
                row=query[pairs] - begin,
                target=target[pairs],
                tile=number,
            )
            yield places[pairs].cpu(), _ranks_of(side, queries, tiles)
        first += many


def _ranks_of(side: _Side, queries: _Queries, tiles: Tiles) -> Tensor:
    """Ranks of the queries' targets, float64 [P], on the CPU."""
    row, device = queries.row, queries.row.device
    known_row, known_answer = side.known.of(queries.anchor, queries.relation)
    better = torch.zeros(len(row), dtype=torch.int64, device=device)
    equal = torch.zeros_like(better)
    true = torch.empty(0)
    for tile in (queries.tile, *(i for i in range(tiles.count) if i != queries.tile)):
        low, high = tile * tiles.length, min((tile + 1) * tiles.length, tiles.num_entities)
        candidates = torch.arange(low, high, device=device) if tiles.count > 1 else None
        scores = _scores(side, queries, candidates)
        refuse_non_numbers(scores)
        if tile == queries.tile:
            true = scores[row, queries.target - low]
        inside = (known_answer >= low) & (known_answer < high)
        scores[known_row[inside], known_answer[inside] - low] = float("-inf")
        more, same = compared(scores, row, true)
        if tile == queries.tile:
            # A target that is not among the known answers was counted as equal to itself.
            same -= (scores[row, queries.target - low] == true).long()
        better += more
        equal += same
    # Counted on the device, averaged on the CPU: not every device has float64.
    return 1 + better.cpu().double() + equal.cpu().double() / 2


def _scores(side: _Side, queries: _Queries, candidates: Tensor | None) -> Tensor:
    """Scores of the queries, [B, C]; a single query or candidate is scored as two.

    A product with one row or one column is made by another kernel, which on some processors rounds
    in another way, and what fills no register of it in yet another.
    """
    anchor, relation = queries.anchor, queries.relation
    rows, columns = len(anchor), None if candidates is None else len(candidates)
    if rows == 1:
        anchor, relation = anchor.repeat(2), relation.repeat(2)
    if candidates is not None and columns == 1:
        candidates = candidates.repeat(2)
    return side.score(anchor, relation, candidates)[:rows, :columns]


def compared(scores: Tensor, row: Tensor, true: Tensor) -> tuple[Tensor, Tensor]:
    """How many scores of a row are better than, and how many equal to, each of some values.

    Args:
        scores: [B, C], C ≤ 2²⁴.
        row: Row of each value, [P], ascending, and each row at least once.
        true: The values, [P].

    Returns:
        Two int64 [P].
    """
    better = torch.empty(len(row), dtype=torch.int64, device=row.device)
    equal = torch.empty_like(better)
    # Comparing into floats and adding those up is four times as fast as adding up booleans.
    buffer = torch.empty(scores.shape, dtype=torch.float32, device=scores.device)
    # The first value of every row, then the second of those that have one, and so on.
    turn = torch.arange(len(row), device=row.device) - torch.searchsorted(row, row)
    for nth in range(int(turn.max()) + 1):
        pairs = (turn == nth).nonzero().squeeze(1)
        rows = scores if len(pairs) == len(scores) else scores[row[pairs]]
        value, out = true[pairs].unsqueeze(1), buffer[: len(pairs)]
        better[pairs] = torch.gt(rows, value, out=out).sum(1).long()
        equal[pairs] = torch.eq(rows, value, out=out).sum(1).long()
    return better, equal


def rank(scores: Tensor, target: Tensor, known: tuple[Tensor, Tensor] | None = None) -> Tensor:
    """Realistic ranks of scores that are at hand as a whole.

    Args:
        scores: Of each query with each entity, [B, N]; known answers are overwritten.
        target: The true entity of each query, [B].
        known: Row and entity of answers that do not compete; the target may be among them.

    Returns:
        float64 [B] on the CPU, from 1.

    Raises:
        TrainingError: A score is NaN or infinite.
    """
    refuse_non_numbers(scores)
    true = scores.gather(1, target.unsqueeze(1))
    if known is not None:
        scores[known] = float("-inf")
        scores.scatter_(1, target.unsqueeze(1), true)
    better = (scores > true).sum(1).cpu()
    # The target equals itself, hence at least 1.
    equal = (scores == true).sum(1).cpu()
    return better.double() + (equal.double() + 1) / 2


def tiles_of(num_entities: int, asked: int, budget: int) -> Tiles:
    """Tiles of at most ``budget`` scores, of nearly one length.

    What a tile computes should not depend on which it is, so none is a small rest. Queries are
    taken by the tile of their targets; where that leaves few to a tile, tiles are longer, so that
    what a tile may hold is used: of ``asked`` queries, asked · length / N share one.

    Args:
        num_entities: N.
        asked: How many queries there are, at least 1.
        budget: Most scores of a tile.
    """
    if num_entities * QUERIES_AT_ONCE <= budget:
        longest = num_entities
    else:
        filled = isqrt(budget * num_entities // asked)
        longest = max(budget // QUERIES_AT_ONCE, min(filled, budget, num_entities))
        longest = max(1, min(longest, LONGEST_TILE))
    count = -(-num_entities // longest)
    length = -(-num_entities // count)
    return Tiles(num_entities, count, length, max(1, min(budget // length, MOST_QUERIES)))


def refuse_non_numbers(scores: Tensor) -> None:
    """Make sure that all scores are finite.

    The sum tells at a fiftieth of the cost of looking at each; only where it is not finite, for
    which numbers near the largest suffice, is each looked at.

    Raises:
        TrainingError: A score is NaN or infinite.
    """
    if not bool(torch.isfinite(scores.sum())) and not bool(torch.isfinite(scores).all()):
        raise TrainingError(
            "the model gives scores that are NaN or infinite; they cannot be ranked",
            hint="train again with a lower learning_rate or more regularization",
        )


def _out_of_memory(error: Exception) -> bool:
    """Whether an allocation failed: CUDA has a type for it, the CPU's allocator has a message."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    text = str(error).lower()
    return "out of memory" in text or "can't allocate memory" in text


def _halved(budget: int, error: Exception) -> int:
    if budget < 2 * QUERIES_AT_ONCE:
        raise TrainingError(
            "memory does not even suffice to score a few hundred entities at a time",
            hint="free memory on the device, or evaluate with --set device=cpu",
        ) from error
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    log.warning("out of memory with %s scores at a time; going on with half", f"{budget:,}")
    return budget // 2
