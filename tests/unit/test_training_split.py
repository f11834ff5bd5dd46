"""Random splits: seeded, and train still covers what valid and test name."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kgplatform.errors import UsageError
from kgplatform.graph.snapshot import KGSnapshot, from_triples
from kgplatform.graph.split import ensure_split
from kgplatform.triples import Triple

facts = st.lists(
    st.tuples(st.integers(0, 8), st.integers(0, 2), st.integers(0, 8)), min_size=1, max_size=80
)


def graph(rows: list[tuple[int, int, int]]) -> KGSnapshot:
    return from_triples(Triple(f"e{h}", f"r{r}", f"e{t}") for h, r, t in rows)


@settings(deadline=None)
@given(facts, st.integers(0, 5), st.floats(0, 0.4), st.floats(0, 0.4))
def test_train_covers_every_entity_and_relation(
    rows: list[tuple[int, int, int]], seed: int, valid: float, test: float
) -> None:
    split = ensure_split(graph(rows), seed=seed, valid_share=valid, test_share=test)
    train = split.triples("train")
    assert set(train[:, [0, 2]].flatten().tolist()) == set(range(split.num_entities))
    assert set(train[:, 1].tolist()) == set(range(split.num_relations))
    assert len(split.triples("valid")) <= round(split.num_edges * valid)
    assert len(split.triples("test")) <= round(split.num_edges * test)
    sizes = [len(split.triples(name)) for name in ("train", "valid", "test")]
    assert sum(sizes) == split.num_edges


def test_shares_are_met_on_a_dense_graph() -> None:
    snapshot = graph([(h, 0, t) for h in range(20) for t in range(20)])
    split = ensure_split(snapshot, seed=0, valid_share=0.1, test_share=0.2)
    assert len(split.triples("valid")) == 40
    assert len(split.triples("test")) == 80


def test_the_seed_decides() -> None:
    snapshot = graph([(h, 0, t) for h in range(9) for t in range(9)])
    first, again, other = (ensure_split(snapshot, seed=seed).split for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_published_split_is_kept_and_the_rest_trains() -> None:
    snapshot = from_triples(
        [Triple("a", "r", "b", "test"), Triple("a", "r", "c"), Triple("b", "r", "c", "train")]
    )
    assert ensure_split(snapshot, seed=0).split.tolist() == [2, 0, 0]


def test_a_whole_split_is_returned_as_it_is() -> None:
    snapshot = from_triples([Triple("a", "r", "b", "train")])
    assert ensure_split(snapshot, seed=0) is snapshot


@pytest.mark.parametrize(("valid", "test"), [(0.6, 0.4), (-0.1, 0.1)])
def test_shares_that_leave_nothing_are_refused(valid: float, test: float) -> None:
    with pytest.raises(UsageError, match="leave no edges"):
        ensure_split(graph([(0, 0, 1)]), seed=0, valid_share=valid, test_share=test)


def test_facts_between_the_same_two_entities_stay_together() -> None:
    rows = [(h, 0, t) for h in range(15) for t in range(15) if h != t]
    rows += [(h, 1, t) for h in range(15) for t in range(h)]
    split = ensure_split(graph(rows), seed=3, valid_share=0.2, test_share=0.2)
    splits_of_pair: dict[frozenset[int], set[int]] = {}
    for (head, _, tail), code in zip(split.triples().tolist(), split.split.tolist(), strict=True):
        splits_of_pair.setdefault(frozenset((head, tail)), set()).add(code)
    assert all(len(codes) == 1 for codes in splits_of_pair.values())
    assert len(split.triples("valid")) > 40


def test_a_pair_that_is_partly_split_already_stays_in_train() -> None:
    rows = [Triple("a", "r", "b", "train"), Triple("b", "r", "a")]
    rows += [Triple(f"x{i}", "r", f"x{j}") for i in range(6) for j in range(6)]
    split = ensure_split(from_triples(rows), seed=0, valid_share=0.45, test_share=0.45)
    first = split.entities.index("a")
    held = torch.cat((split.triples("valid"), split.triples("test")))
    assert len(held) > 10
    assert first not in held[:, [0, 2]]


@pytest.mark.parametrize(("valid", "test", "sizes"), [(0.0, 0.2, (0, 80)), (0.2, 0.0, (80, 0))])
def test_one_share_may_be_nothing(valid: float, test: float, sizes: tuple[int, int]) -> None:
    snapshot = graph([(h, 0, t) for h in range(20) for t in range(20)])
    split = ensure_split(snapshot, seed=0, valid_share=valid, test_share=test)
    assert (len(split.triples("valid")), len(split.triples("test"))) == sizes
