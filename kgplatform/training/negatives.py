"""Random choices of a training, all from one generator that is not torch's global one."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from kgplatform.graph.rows import EdgeRows


def shared_negatives(
    num_entities: int, count: int, generator: torch.Generator, device: torch.device
) -> Tensor:
    """Entities that a whole batch is compared with, drawn uniformly with repetition, [count]."""
    return torch.randint(num_entities, (count,), generator=generator, device=device)


def drop_coordinates(values: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Inverted dropout (Srivastava et al. 2014) with a generator of its own, same shape."""
    if share == 0:
        return values
    keep = torch.rand(values.shape, generator=generator, device=values.device) >= share
    return values * keep / (1 - share)


def batches(triples: EdgeRows | Tensor, size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """All rows of ``triples`` [E, 3] in random order, ``size`` at a time."""
    order = torch.randperm(len(triples), generator=generator, device=triples.device)
    for rows in torch.split(order, size):
        yield triples[rows]


def folds(
    triples: EdgeRows | Tensor, share: float, generator: torch.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """Cut ``triples`` at random into 1/share parts; yield each with what remains without it.

    Each edge is scored once an epoch, and never while messages pass over it: an encoder that
    sees the edge it has to predict learns to copy it (Schlichtkrull et al. 2018, §5).

    Args:
        triples: Training edges, [E, 3].
        share: Size of a part, 0 < share ≤ 0.5.
        generator: Source of the order.

    Yields:
        Edges to score, and edges to pass messages over, as rows [·, 3].
    """
    count = max(2, round(1 / share))
    order = torch.randperm(len(triples), generator=generator, device=triples.device)
    part = torch.arange(len(triples), device=triples.device) % count
    for fold in range(count):
        scored = triples[order[part == fold]]
        if len(scored):
            yield scored, triples[order[part != fold]]
