"""An entity table in shards: each process has some rows of it, and of its optimizer's state.

A DTensor says where the rows are. It cannot train them: its embedding gives no sparse gradients
(docs/decisions/0032-tables-in-shards.md), so rows are looked up here and added up by torch's
collectives, and what the optimizer steps is the local part of the DTensor.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.functional import embedding

from kgplatform.models import LinkModel, Vectors
from kgplatform.training.distributed import Group, heard

TABLE = ("entity", "model.entity")
"""What weights and a checkpoint call the entity table."""


@dataclass(frozen=True)
class Shard:
    """Some rows of the entity table.

    Attributes:
        group: The processes that share the table.
        total: Rows of the table, N.
        first: The first row that is here.
        rows: Those that are here, [N', d]: memory of the model's ``entity``, a DTensor [N, d].
    """

    group: Group
    total: int
    first: int
    rows: nn.Parameter

    @property
    def here(self) -> slice:
        """Where the rows are in the table."""
        return slice(self.first, self.first + len(self.rows))

    def lookup(self, rows: Tensor) -> Tensor:
        """Rows of the table by their numbers, the same in all processes; [U] → [U, d].

        Their gradient is the sum of all processes', and sparse.
        """
        mine = ((rows >= self.here.start) & (rows < self.here.stop)).nonzero().squeeze(1)
        found = embedding(rows[mine] - self.first, self.rows, sparse=True)
        parts = found.new_zeros(len(rows), found.shape[1]).index_copy(0, mine, found)
        summed: Tensor = _Sum.apply(parts, self.group)
        return summed

    def trained(self, model: LinkModel) -> Iterator[nn.Parameter]:
        """The model's parameters in their order, the rows that are here in the table's place."""
        for parameter in model.parameters():
            yield self.rows if parameter is model.entity else parameter

    def whole(self, local: Tensor) -> Tensor:
        """All rows [N, d] on the first process's CPU, elsewhere none, from those of each process.

        One shard after the other passes through: no device needs room for more than two.
        """
        if not self.group.first:
            with heard():
                dist.send(local.contiguous(), dst=0)
            return local[:0]
        pieces = [local.cpu()]
        for rank in range(1, self.group.size):
            start, stop = _cut(self.total, rank, self.group.size)
            piece = local.new_empty(stop - start, local.shape[1])
            with heard():
                dist.recv(piece, src=rank)
            pieces.append(piece.cpu())
        return torch.cat(pieces)

    def gathered(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Weights or a checkpoint by name, with what is in shards made :meth:`whole`."""
        return {
            name: self.whole(self.rows.detach() if name in TABLE else value)
            if in_shards(name)
            else value
            for name, value in tensors.items()
        }


class ShardScorer:
    """A model whose table is in shards, for ranking.

    All processes must ask the same questions. Each gets the vectors that a question and a tile
    of candidates need, and gives up the tile before the next: no device holds the table.
    """

    def __init__(self, model: LinkModel, shard: Shard) -> None:
        self._model, self._shard = model, shard
        self.num_entities = model.num_entities

    def score_tails(
        self, head: Tensor, relation: Tensor, candidates: Tensor | None = None
    ) -> Tensor:
        """As :meth:`LinkModel.score_tails`."""
        vectors, row = self._vectors(head)
        queries = self._model.tail_queries(vectors, row, relation)
        return self._model.match(queries, self._candidates(candidates))

    def score_heads(
        self, relation: Tensor, tail: Tensor, candidates: Tensor | None = None
    ) -> Tensor:
        """As :meth:`LinkModel.score_heads`."""
        vectors, row = self._vectors(tail)
        queries = self._model.head_queries(vectors, relation, row)
        return self._model.match(queries, self._candidates(candidates))

    def _vectors(self, entity: Tensor) -> tuple[Vectors, Tensor]:
        """Vectors of some entities [B], and which is whose."""
        row = torch.arange(len(entity), device=entity.device)
        return Vectors(self._entities(entity), self._model.relation), row

    def _candidates(self, candidates: Tensor | None) -> Tensor:
        if candidates is None:
            candidates = torch.arange(self.num_entities, device=self._model.device)
        return self._entities(candidates)

    def _entities(self, rows: Tensor) -> Tensor:
        return self._model.inputs(rows, self._shard.lookup(rows))


class _Sum(torch.autograd.Function):
    """A sum over processes, whose gradient is the sum of the gradients that they have of it."""

    @staticmethod
    def forward(ctx: Any, part: Tensor, group: Group) -> Tensor:
        ctx.group = group
        return group.sum(part.clone())

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        group: Group = ctx.group
        return group.sum(grads[0].contiguous().clone()), None


def shard_table(model: LinkModel, group: Group, device: torch.device) -> Shard:
    """Leave a model only this process's rows of its entity table.

    Args:
        model: With the whole table, on the CPU; its ``entity`` becomes a DTensor.
        group: At least two processes.
        device: Where the rows go.
    """
    table = model.entity.detach()
    # A third of torch's own import, for few trainings.
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor import DTensor
    from torch.distributed.tensor import Shard as ByRows

    start, stop = _cut(len(table), group.rank, group.size)
    rows = nn.Parameter(table[start:stop].clone().to(device))
    mesh = init_device_mesh(device.type, (group.size,))
    entity = DTensor.from_local(
        rows.detach(), mesh, [ByRows(0)], shape=table.shape, stride=table.stride()
    )
    model.entity = nn.Parameter(entity, requires_grad=False)
    return Shard(group, len(table), start, rows)


def in_shards(name: str) -> bool:
    """Whether a tensor of weights or of a checkpoint is the table or a state that it has a row of.

    The table is the first parameter of every model.
    """
    return name in TABLE or (name.startswith("optimizer.0.") and name != "optimizer.0.step")


def _cut(rows: int, rank: int, size: int) -> tuple[int, int]:
    """Where a process's rows begin and end, cut as DTensor and ``torch.chunk`` cut."""
    length = -(-rows // size)
    return min(rows, rank * length), min(rows, (rank + 1) * length)
