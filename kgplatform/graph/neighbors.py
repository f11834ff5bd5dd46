"""Neighbour sampling for PyG's loaders, in a live database or in a snapshot.

PyG's own sampler wants all edges in memory and a compiled extension. This one asks for the facts
of a hop as it goes, in one exchange for all nodes of the hop, and gives what PyG's gives: facts
are followed from tail to head, and each node's facts are drawn once, in the hop in which the node
was first met. Disjoint, each seed grows a tree of its own; with times of the seeds, of facts that
are not later than the seed's time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, get_args

import numpy as np
from torch import Tensor
from torch.utils.data import get_worker_info
from torch_geometric.sampler import (
    BaseSampler,
    EdgeSamplerInput,
    HeteroSamplerOutput,
    NegativeSampling,
    NodeSamplerInput,
    NumNeighbors,
    SamplerOutput,
)
from torch_geometric.sampler.neighbor_sampler import edge_sample, node_sample

from kgplatform.errors import StoreError, UsageError
from kgplatform.graph.hops import ALL, Asked, Facts, Hop, Strategy
from kgplatform.graph.node_types import EdgeType, Types, as_tensor


class Sampled(NamedTuple):
    """Facts of a batch, hop by hop.

    Attributes:
        row: Places of heads among the batch's nodes, int64 [E].
        col: Likewise, of tails.
        code: Positions among the edge types, int64 [E].
        edge: Numbers of the facts, int64 [E].
        sizes: How many each hop has.
    """

    row: np.ndarray
    col: np.ndarray
    code: np.ndarray
    edge: np.ndarray
    sizes: list[int]


class GraphSampler(BaseSampler):  # type: ignore[misc]
    """A sampler for ``NeighborLoader(neighbor_sampler=…)`` and ``LinkNeighborLoader``.

    Args:
        facts: Where facts come from.
        types: Node and edge types.
        num_neighbors: Most facts for each node, a number a hop; -1 takes all. With edge types it
            holds for each of them, and may be given by edge type.
        seed: Of the draws; each worker of a loader mixes its own in.
        disjoint: Whether each seed has nodes of its own, as it always has with times: ``batch`` of
            a batch says whose each node is.
        temporal_strategy: Which facts a limit takes where seeds have times: ``uniform`` any that
            are not later, ``last`` the latest of these.

    Raises:
        UsageError: A number is below -1, or there is no such strategy.
    """

    def __init__(
        self,
        facts: Facts,
        types: Types,
        num_neighbors: Sequence[int] | Mapping[EdgeType, Sequence[int]],
        seed: int = 0,
        *,
        disjoint: bool = False,
        temporal_strategy: Strategy = "uniform",
    ) -> None:
        given = dict(num_neighbors) if isinstance(num_neighbors, Mapping) else list(num_neighbors)
        self._facts, self._types, self._seed = facts, types, seed
        self._disjoint, self._strategy = disjoint, temporal_strategy
        self._edge_types = list(types.facts)
        self._code = {key: code for code, key in enumerate(self._edge_types)}
        numbers = NumNeighbors(given)
        mapped = numbers.get_mapped_values(self._edge_types if types.hetero else None)
        by_type = list(mapped.values()) if isinstance(mapped, dict) else [mapped]
        self._limits = np.array(by_type, dtype=np.int64).reshape(len(by_type), -1)
        if (self._limits < ALL).any():
            raise UsageError(
                f"num_neighbors cannot be {given}", hint="give numbers from 0, or -1 for all"
            )
        if temporal_strategy not in get_args(Strategy):
            raise UsageError(
                f"there is no temporal strategy {temporal_strategy!r}", hint="uniform or last"
            )
        self._rng: np.random.Generator | None = None
        self._worker: int | None = None

    def sample_from_nodes(
        self, index: NodeSamplerInput, **kwargs: object
    ) -> SamplerOutput | HeteroSamplerOutput:
        """The neighbourhood of nodes."""
        return node_sample(index, self._sample)

    def sample_from_edges(
        self, index: EdgeSamplerInput, neg_sampling: NegativeSampling | None = None
    ) -> SamplerOutput | HeteroSamplerOutput:
        """The neighbourhood of the ends of edges, and of negative ones if asked for."""
        sizes = {name: self._types.size(name) for name in self._types.names}
        num_nodes = sizes if self._types.hetero else sum(sizes.values())
        disjoint = self._disjoint or index.time is not None
        return edge_sample(index, self._sample, num_nodes, disjoint, None, neg_sampling)

    @property
    def edge_permutation(self) -> None:
        """None: edges are not reordered."""
        return

    def _sample(
        self,
        seed: Tensor | dict[str, Tensor],
        seed_time: Tensor | dict[str, Tensor] | None = None,
    ) -> SamplerOutput | HeteroSamplerOutput:
        seeds = _by_type(seed)
        entities = np.concatenate([self._types.entities(name, at) for name, at in seeds.items()])
        untils = None
        if seed_time is not None:
            times = _by_type(seed_time)
            untils = np.concatenate([times[name].cpu().numpy() for name in seeds])
        apart = self._disjoint or untils is not None
        # A node is an entity of a tree; without trees, all are in the first.
        total = self._types.type_of.size
        grown = _Grown(entities + total * np.arange(entities.size) if apart else entities)
        parts: list[tuple[np.ndarray, ...]] = []
        for hop in range(self._limits.shape[1]):
            tree, tail = np.divmod(grown.frontier, total)
            asked = Asked(tail, 0, self._strategy, apart, None if untils is None else untils[tree])
            head, at, code, edge = self._hop(asked, self._limits[:, hop])
            col = grown.places(grown.frontier[at])
            parts.append((grown.add(head + total * tree[at]), col, code, edge))
        row, col, codes, edges = (np.concatenate(of_hops) for of_hops in zip(*parts, strict=True))
        sampled = Sampled(row, col, codes, edges, [part[0].size for part in parts])
        tree, nodes = np.divmod(grown.nodes, total)
        if self._types.hetero:
            return self._typed_output(grown.sizes, nodes, tree if apart else None, sampled)
        return SamplerOutput(
            node=as_tensor(nodes),
            row=as_tensor(sampled.row),
            col=as_tensor(sampled.col),
            edge=as_tensor(sampled.edge),
            batch=as_tensor(tree) if apart else None,
            num_sampled_nodes=grown.sizes,
            num_sampled_edges=sampled.sizes,
        )

    def _hop(
        self, asked: Asked, limits: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Facts into what is asked for: heads, which of the asked, edge types, numbers; [E]."""
        most = ALL if (limits == ALL).any() else int(limits.max(initial=0))
        if not asked.entities.size or most == 0:
            return (np.empty(0, dtype=np.int64),) * 4
        hop = self._facts.into(asked._replace(limit=most), self._random())
        codes = self._edge_codes(hop.heads, hop.relations, asked.entities[hop.at])
        if (limits == ALL).all():
            return hop.heads, hop.at, codes, hop.edges
        limit = limits[codes]
        kept = (limit == ALL) | (self._ranks(hop, codes, limits.size) < limit)
        return hop.heads[kept], hop.at[kept], codes[kept], hop.edges[kept]

    def _ranks(self, hop: Hop, codes: np.ndarray, types: int) -> np.ndarray:
        """The place of each fact among those of its tail and edge type, in the order of draw."""
        order: Sequence[np.ndarray] = (hop.keys, codes, hop.at)
        if hop.times is not None and self._strategy == "last":
            order = (hop.keys, -hop.times, codes, hop.at)
        drawn = np.lexsort(order)
        group = hop.at[drawn] * types + codes[drawn]
        new = np.concatenate(([True], group[1:] != group[:-1]))[: group.size]
        begin = np.maximum.accumulate(np.where(new, np.arange(group.size), 0))
        rank = np.empty(group.size, dtype=np.int64)
        rank[drawn] = np.arange(group.size) - begin
        return rank

    def _edge_codes(
        self, heads: np.ndarray, relations: Sequence[str], tails: np.ndarray
    ) -> np.ndarray:
        """Positions among the edge types; all 0 in a homogeneous graph."""
        types = self._types
        if not types.hetero:
            return np.zeros(heads.size, dtype=np.int64)
        names = {name: code for code, name in enumerate(dict.fromkeys(relations))}
        listed = list(names)
        relation = np.fromiter(map(names.__getitem__, relations), np.int64, len(relations))
        width = len(types.names)
        keys = (relation * width + types.type_of[heads]) * width + types.type_of[tails]
        distinct, inverse = np.unique(keys, return_inverse=True)
        codes = []
        for key in distinct.tolist():
            head, tail = types.names[key // width % width], types.names[key % width]
            edge_type = (head, listed[key // (width * width)], tail)
            if edge_type not in self._code:
                raise StoreError(
                    f"there is a fact of the new type {edge_type}: the graph changed",
                    hint="open it anew when nobody writes to it",
                )
            codes.append(self._code[edge_type])
        return np.array(codes, dtype=np.int64)[inverse.reshape(-1)]

    def _typed_output(
        self, sizes: list[int], nodes: np.ndarray, tree: np.ndarray | None, sampled: Sampled
    ) -> HeteroSamplerOutput:
        types = self._types
        type_of = types.type_of[nodes]
        hop_of_node = np.repeat(np.arange(len(sizes)), sizes)
        hop_of_fact = np.repeat(np.arange(len(sampled.sizes)), sampled.sizes)
        within = np.empty(nodes.size, dtype=np.int64)
        node, batch, num_nodes = {}, {}, {}
        for number, name in enumerate(types.names):
            mine = type_of == number
            within[mine] = np.arange(int(mine.sum()))
            node[name] = as_tensor(types.local_of[nodes[mine]])
            if tree is not None:
                batch[name] = as_tensor(tree[mine])
            num_nodes[name] = np.bincount(hop_of_node[mine], minlength=len(sizes)).tolist()
        rows, cols, edges, num_edges = {}, {}, {}, {}
        for number, key in enumerate(self._edge_types):
            mine = sampled.code == number
            rows[key] = as_tensor(within[sampled.row[mine]])
            cols[key] = as_tensor(within[sampled.col[mine]])
            edges[key] = as_tensor(sampled.edge[mine])
            hops = np.bincount(hop_of_fact[mine], minlength=len(sampled.sizes))
            num_edges[key] = hops.tolist()
        return HeteroSamplerOutput(
            node=node,
            row=rows,
            col=cols,
            edge=edges,
            batch=batch if tree is not None else None,
            num_sampled_nodes=num_nodes,
            num_sampled_edges=num_edges,
        )

    def _random(self) -> np.random.Generator:
        worker = get_worker_info()
        own = None if worker is None else int(worker.seed)
        if self._rng is None or own != self._worker:
            # The loader draws its workers' seeds anew each epoch.
            self._worker = own
            self._rng = np.random.default_rng([self._seed] if own is None else [self._seed, own])
        return self._rng


def _by_type(seeds: Tensor | dict[str, Tensor]) -> Mapping[Any, Tensor]:
    return {None: seeds} if isinstance(seeds, Tensor) else seeds


class _Grown:
    """The nodes of a batch in the order in which they were met, the seeds first."""

    def __init__(self, seeds: np.ndarray) -> None:
        self.nodes = seeds
        self.sizes = [int(seeds.size)]
        self._index(seeds)
        self.frontier = self._known

    def add(self, entities: np.ndarray) -> np.ndarray:
        """Places of entities, after those not met before have become the next frontier."""
        candidates, first = np.unique(entities, return_index=True)
        new = ~np.isin(candidates, self._known, assume_unique=True)
        self.frontier = candidates[new][np.argsort(first[new])]
        self.nodes = np.concatenate((self.nodes, self.frontier))
        self.sizes.append(int(self.frontier.size))
        self._index(self.nodes)
        return self.places(entities)

    def places(self, entities: np.ndarray) -> np.ndarray:
        """Places of entities that were met."""
        found: np.ndarray = self._place[np.searchsorted(self._known, entities)]
        return found

    def _index(self, nodes: np.ndarray) -> None:
        self._known, self._place = np.unique(nodes, return_index=True)
