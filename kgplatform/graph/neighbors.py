"""Neighbour sampling for PyG's loaders, in a live database or in a snapshot.

PyG's own sampler wants all edges in memory and a compiled extension. This one asks for the facts
of a hop as it goes, in one exchange for all nodes of the hop, and gives what PyG's gives: facts
are followed from tail to head, and each node's facts are drawn once, in the hop in which the node
was first met.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

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
from kgplatform.graph.live import LiveGraph
from kgplatform.graph.node_types import EdgeType, Types, as_tensor
from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.store.neighbors import PRIME, facts_into, sample_into

ALL = -1


class Hop(NamedTuple):
    """Facts that end in asked entities.

    Attributes:
        at: Which of the asked entities, int64 [E].
        heads: Entities, int64 [E].
        relations: Names, [E]; empty where types do not ask for them.
        keys: Facts with smaller ones were drawn first, int64 [E].
    """

    at: np.ndarray
    heads: np.ndarray
    relations: Sequence[str]
    keys: np.ndarray


class Facts(Protocol):
    """Where a sampler gets facts from."""

    def into(self, entities: np.ndarray, limit: int, rng: np.random.Generator) -> Hop:
        """Facts that end in distinct entities; at least those that a limit of each type takes."""
        ...


class LiveFacts:
    """Facts of a graph in the database, drawn by the server.

    Args:
        live: The graph.
        types: The limit is one for each of these edge types.
    """

    def __init__(self, live: LiveGraph, types: Types) -> None:
        self._live, self._typed = live, types.hetero

    def into(self, entities: np.ndarray, limit: int, rng: np.random.Generator) -> Hop:
        """As :class:`Facts` says; an exchange with the server."""
        live = self._live
        if limit == ALL:
            found = facts_into(live.store, live.entities, entities)
        else:
            a, b, c = rng.integers(0, PRIME, 3).tolist()
            found = sample_into(
                live.store, live.entities, entities, limit, (a, b, c), typed=self._typed
            )
        keys = np.zeros(found.at.size, dtype=np.int64) if found.keys is None else found.keys
        return Hop(found.at, found.heads, found.relations, keys)


class SnapshotFacts:
    """Facts of a snapshot, held by their tails."""

    def __init__(self, snapshot: KGSnapshot) -> None:
        adjacency = snapshot.adjacency
        self._start, self._edges = adjacency.tail_start.numpy(), adjacency.by_tail.numpy()
        self._heads, self._relations = snapshot.edge_index[0].numpy(), snapshot.edge_type.numpy()
        self._names = np.array([*snapshot.relations, ""], dtype=object)

    def into(self, entities: np.ndarray, limit: int, rng: np.random.Generator) -> Hop:
        """As :class:`Facts` says; all facts, in random order if there is a limit."""
        first = self._start[entities]
        number = self._start[entities + 1] - first
        at = np.repeat(np.arange(entities.size), number)
        place = np.arange(at.size) - np.repeat(np.cumsum(number) - number, number) + first[at]
        keys = np.zeros(at.size, dtype=np.int64) if limit == ALL else rng.permutation(at.size)
        edges = self._edges[place]
        return Hop(at, self._heads[edges], self._names[self._relations[edges]].tolist(), keys)


class GraphSampler(BaseSampler):  # type: ignore[misc]
    """A sampler for ``NeighborLoader(neighbor_sampler=…)`` and ``LinkNeighborLoader``.

    Args:
        facts: Where facts come from.
        types: Node and edge types.
        num_neighbors: Most facts for each node, a number a hop; -1 takes all. With edge types it
            holds for each of them, and may be given by edge type.
        seed: Of the draws; each worker of a loader mixes its own in.

    Raises:
        UsageError: A number is below -1.
    """

    def __init__(
        self,
        facts: Facts,
        types: Types,
        num_neighbors: Sequence[int] | Mapping[EdgeType, Sequence[int]],
        seed: int = 0,
    ) -> None:
        given = dict(num_neighbors) if isinstance(num_neighbors, Mapping) else list(num_neighbors)
        self._facts, self._types, self._seed = facts, types, seed
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
        if index.time is not None:
            raise _no_time()
        return edge_sample(index, self._sample, num_nodes, False, None, neg_sampling)

    @property
    def edge_permutation(self) -> None:
        """None: edges are not reordered."""
        return

    def _sample(
        self, seed: Tensor | dict[str, Tensor], seed_time: object = None
    ) -> SamplerOutput | HeteroSamplerOutput:
        if seed_time is not None:
            raise _no_time()
        seeds = {None: seed} if isinstance(seed, Tensor) else seed
        nodes = np.concatenate([self._types.entities(name, at) for name, at in seeds.items()])
        grown = _Grown(nodes)
        rows, cols, codes, sizes = [], [], [], []
        for hop in range(self._limits.shape[1]):
            head, tail, code = self._hop(grown.frontier, self._limits[:, hop])
            rows.append(grown.add(head))
            cols.append(grown.places(tail))
            codes.append(code)
            sizes.append(code.size)
        row, col, code = (np.concatenate(parts) for parts in (rows, cols, codes))
        if self._types.hetero:
            return self._typed_output(grown, row, col, code, sizes)
        return SamplerOutput(
            node=as_tensor(grown.nodes),
            row=as_tensor(row),
            col=as_tensor(col),
            edge=None,
            num_sampled_nodes=grown.sizes,
            num_sampled_edges=sizes,
        )

    def _hop(
        self, frontier: np.ndarray, limits: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Heads, tails and edge types of facts into the frontier, int64 [E] each."""
        most = ALL if (limits == ALL).any() else int(limits.max(initial=0))
        if not frontier.size or most == 0:
            return (np.empty(0, dtype=np.int64),) * 3
        hop = self._facts.into(frontier, most, self._random())
        tails = frontier[hop.at]
        codes = self._edge_codes(hop.heads, hop.relations, tails)
        limit = limits[codes]
        if most != ALL or (limits != ALL).any():
            # The place of each fact among those of its tail and edge type, by key.
            order = np.lexsort((hop.keys, codes, hop.at))
            group = hop.at[order] * limits.size + codes[order]
            new = np.concatenate(([True], group[1:] != group[:-1]))[: group.size]
            begin = np.maximum.accumulate(np.where(new, np.arange(group.size), 0))
            rank = np.empty(group.size, dtype=np.int64)
            rank[order] = np.arange(group.size) - begin
            kept = (limit == ALL) | (rank < limit)
            return hop.heads[kept], tails[kept], codes[kept]
        return hop.heads, tails, codes

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
        self, grown: _Grown, row: np.ndarray, col: np.ndarray, code: np.ndarray, sizes: list[int]
    ) -> HeteroSamplerOutput:
        types = self._types
        type_of = types.type_of[grown.nodes]
        hop_of_node = np.repeat(np.arange(len(grown.sizes)), grown.sizes)
        hop_of_fact = np.repeat(np.arange(len(sizes)), sizes)
        within = np.empty(grown.nodes.size, dtype=np.int64)
        node, num_nodes = {}, {}
        for number, name in enumerate(types.names):
            mine = type_of == number
            within[mine] = np.arange(int(mine.sum()))
            node[name] = as_tensor(types.local_of[grown.nodes[mine]])
            num_nodes[name] = np.bincount(hop_of_node[mine], minlength=len(grown.sizes)).tolist()
        rows, cols, num_edges = {}, {}, {}
        for number, key in enumerate(self._edge_types):
            mine = code == number
            rows[key], cols[key] = as_tensor(within[row[mine]]), as_tensor(within[col[mine]])
            num_edges[key] = np.bincount(hop_of_fact[mine], minlength=len(sizes)).tolist()
        return HeteroSamplerOutput(
            node=node,
            row=rows,
            col=cols,
            edge=dict.fromkeys(self._edge_types),
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


def _no_time() -> UsageError:
    return UsageError(
        "temporal sampling is not offered here",
        hint="leave input_time and edge_label_time out, or sample a snapshot with PyG's own",
    )
