"""Sets that are joined, and sets that must stay apart."""

import networkx as nx
from hypothesis import given
from hypothesis import strategies as st

from kgplatform.facts.union_find import Clusters, UnionFind

SIZE = 12
pairs = st.lists(st.tuples(st.integers(0, SIZE - 1), st.integers(0, SIZE - 1)), max_size=30)


@given(pairs)
def test_sets_are_the_connected_components(joined: list[tuple[int, int]]) -> None:
    sets = UnionFind(SIZE)
    graph = nx.Graph()
    graph.add_nodes_from(range(SIZE))
    for left, right in joined:
        stands = sets.join(left, right)
        graph.add_edge(left, right)
        assert sets.find(left) == sets.find(right) == stands
    assert {frozenset(each) for each in sets.sets()} == {
        frozenset(each) for each in nx.connected_components(graph)
    }


@given(pairs, pairs, st.sets(st.integers(0, SIZE - 1)))
def test_what_is_apart_stays_apart(
    joined: list[tuple[int, int]], apart: list[tuple[int, int]], anchors: set[int]
) -> None:
    clusters = Clusters(SIZE, anchors, apart)
    kept: list[frozenset[int]] = [frozenset({each}) for each in range(SIZE)]

    def of(record: int) -> frozenset[int]:
        return next(each for each in kept if record in each)

    for left, right in joined:
        one, other = of(left), of(right)
        # A slow second implementation: look at all members.
        allowed = one == other or not (
            any({a, b} in ({i, j} for i, j in apart if i != j) for a in one for b in other)
            or (one & anchors and other & anchors)
        )
        assert clusters.join(left, right) == allowed
        if allowed and one != other:
            kept = [each for each in kept if each not in (one, other)] + [one | other]
    assert {frozenset(each) for each in clusters.sets()} == set(kept)
    for record in range(SIZE):
        expected = of(record) & anchors
        assert clusters.anchor(record) == (next(iter(expected)) if expected else None)


def test_a_long_chain_is_one_set_at_once() -> None:
    count = 50_000
    sets = UnionFind(count)
    for element in range(count - 1):
        sets.join(element, element + 1)
    assert sets.find(0) == sets.find(count - 1)
    assert len(sets.sets()) == 1
