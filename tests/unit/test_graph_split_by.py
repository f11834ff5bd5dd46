"""Splits by relation, time and entity, and what is found to leak: checked against plain loops."""

import dataclasses
from collections import Counter, defaultdict
from itertools import pairwise
from typing import Any, get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kgplatform.errors import InputError
from kgplatform.graph import split_by
from kgplatform.graph.snapshot import KGSnapshot, from_triples
from kgplatform.graph.split import (
    INVERSE_SHARE,
    Overlap,
    ensure_split,
    find_leaks,
    time_overlap,
)
from kgplatform.graph.split_by import DIVIDE, Strategy
from kgplatform.triples import Split, Triple

facts = st.lists(
    st.tuples(st.integers(0, 8), st.integers(0, 2), st.integers(0, 8)), min_size=1, max_size=80
)
bulks = st.sampled_from([1, 3, 10, 1 << 16])
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)
BY_PAIR = [by for by in STRATEGIES if by != "chronological"]


def graph(rows: list[tuple[int, int, int]], seed: int = 0) -> KGSnapshot:
    """Facts with times that have nothing to do with their order."""
    snapshot = from_triples(Triple(f"e{h}", f"r{r}", f"e{t}") for h, r, t in rows)
    generator = torch.Generator().manual_seed(seed)
    times = torch.randint(0, 50, (snapshot.num_edges,), generator=generator)
    return dataclasses.replace(snapshot, time=times)


def random_graph(entities: int, relations: int, number: int, seed: int = 0) -> KGSnapshot:
    generator = torch.Generator().manual_seed(seed)
    keys = torch.randperm(entities * relations * entities, generator=generator)[:number].tolist()
    return graph(
        [(k // (relations * entities), k // entities % relations, k % entities) for k in keys], seed
    )


def ends(snapshot: KGSnapshot, split: Split) -> set[int]:
    return set(snapshot.triples(split)[:, [0, 2]].flatten().tolist())


@pytest.mark.parametrize("by", BY_PAIR)
@settings(deadline=None, max_examples=50)
@given(rows=facts, seed=st.integers(0, 5), valid=st.floats(0, 0.4), test=st.floats(0, 0.4))
def test_pairs_stay_together_and_train_covers_the_rest(
    by: Strategy, rows: list[tuple[int, int, int]], seed: int, valid: float, test: float
) -> None:
    split = ensure_split(graph(rows, seed), seed=seed, valid_share=valid, test_share=test, by=by)
    assert set(split.split.tolist()) <= {0, 1, 2}
    codes = defaultdict(set)
    for (head, _, tail), code in zip(split.triples().tolist(), split.split.tolist(), strict=True):
        codes[frozenset((head, tail))].add(code)
    assert all(len(of_pair) == 1 for of_pair in codes.values())
    assert set(split.triples("train")[:, 1].tolist()) == set(range(split.num_relations))
    leaks = find_leaks(split)
    assert leaks.pairs == leaks.unseen_relations == 0
    if by != "inductive":
        assert ends(split, "train") == set(range(split.num_entities))
        assert leaks.unseen_entities == 0


@pytest.mark.parametrize("by", BY_PAIR)
def test_shares_are_met_and_the_seed_decides(by: Strategy) -> None:
    snapshot = random_graph(60, 4, 2000)
    first, again, other = (
        ensure_split(snapshot, seed=seed, valid_share=0.1, test_share=0.2, by=by).split
        for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    sizes = torch.bincount(first.long(), minlength=3).tolist()
    assert sizes[1] == pytest.approx(200, abs=90 if by == "inductive" else 10)
    assert sizes[2] == pytest.approx(400, abs=90 if by == "inductive" else 10)


def test_each_relation_gives_its_share() -> None:
    rows = [(h, 0, t) for h in range(40) for t in range(40) if h < t]
    rows += [(h, 1, h + 41) for h in range(40)] + [(h + 41, 1, h + 1) for h in range(39)]
    split = ensure_split(graph(rows), seed=0, valid_share=0.1, test_share=0.1, by="relation")
    for name in ("valid", "test"):
        held = Counter(split.triples(name)[:, 1].tolist())
        assert held[0] == 78
        assert held[1] in (7, 8)


def test_the_latest_facts_are_the_test() -> None:
    snapshot = random_graph(60, 1, 1500)
    split = ensure_split(snapshot, seed=0, valid_share=0.1, test_share=0.1, by="time")
    assert split.time is not None
    latest: dict[frozenset[int], int] = defaultdict(int)
    codes = {}
    rows = zip(split.triples().tolist(), split.time.tolist(), split.split.tolist(), strict=True)
    for (head, _, tail), time, code in rows:
        latest[frozenset((head, tail))] = max(latest[frozenset((head, tail))], time)
        codes[frozenset((head, tail))] = code
    by_code = [[latest[pair] for pair in codes if codes[pair] == code] for code in (0, 1, 2)]
    # So dense that no fact had to stay in train for its entity's sake.
    assert all(max(earlier) <= min(later) for earlier, later in pairwise(by_code))
    with pytest.raises(InputError, match="time of each fact"):
        ensure_split(dataclasses.replace(snapshot, time=None), seed=0, by="time")


@settings(deadline=None, max_examples=100)
@given(rows=facts, seed=st.integers(0, 5), valid=st.floats(0.1, 0.4), test=st.floats(0.1, 0.4))
def test_chronological_divides_at_moments(
    rows: list[tuple[int, int, int]], seed: int, valid: float, test: float
) -> None:
    snapshot = graph(rows, seed)
    assert snapshot.time is not None
    shares = [round(snapshot.num_edges * share) for share in (valid, test)]
    try:
        split = ensure_split(
            snapshot, seed=0, valid_share=valid, test_share=test, by="chronological"
        )
    except InputError as error:
        assert "different times do not divide" in str(error)  # noqa: PT017
        # Nothing would be left for train, or too much is at one moment.
        most = max(Counter(snapshot.time.tolist()).values())
        too_few = len(set(snapshot.time.tolist())) < 3
        shared_out = sum(shares) >= snapshot.num_edges
        assert shared_out or too_few or most > min(share for share in shares if share)
        return
    by_code = [sorted(snapshot.time[split.split == code].tolist()) for code in (0, 1, 2)]
    assert by_code[0]
    known = [times for times in by_code if times]
    assert all(earlier[-1] < later[0] for earlier, later in pairwise(known))
    for times, before, share in ((by_code[2], by_code[1] or by_code[0], shares[1]),):
        # One moment more would be too much.
        assert len(times) <= share < len(times) + before.count(before[-1]) or not share
    overlap = time_overlap(split)
    assert overlap is None or overlap.train_after == overlap.held_before == 0


def in_turn(snapshot: KGSnapshot, order: list[list[int]], room: dict[int, int], by: str) -> Any:
    """What a split of pairs in this order is, one pair after another."""
    triples = snapshot.triples().tolist()
    ends = Counter(end for h, _, t in triples for end in (h, t))
    uses = Counter(r for _, r, _ in triples)
    held: dict[int, list[int]] = {code: [] for code in room}
    for pair in order:
        unfilled = [code for code in (2, 1) if len(held[code]) < room[code]]
        if not unfilled:
            break
        code = unfilled[0]
        if by == "random":
            code = min(sorted(unfilled), key=lambda code: len(held[code]) / room[code])
            if len(held[code]) + len(pair) > room[code]:
                continue
        lost = Counter(end for e in pair for end in (triples[e][0], triples[e][2]))
        gone = Counter(triples[e][1] for e in pair)
        if all(ends[end] > n for end, n in lost.items()) and all(
            uses[r] > n for r, n in gone.items()
        ):
            ends, uses = ends - lost, uses - gone
            held[code] += pair
    return {code: sorted(edges) for code, edges in held.items()}


@pytest.mark.parametrize("by", ["random", "time"])
@settings(deadline=None, max_examples=150)
@given(
    rows=facts, seed=st.integers(0, 5), valid=st.floats(0, 0.4), test=st.floats(0, 0.4), most=bulks
)
def test_many_pairs_at_once_are_what_one_by_one_gives(
    by: Strategy, rows: list[tuple[int, int, int]], seed: int, valid: float, test: float, most: int
) -> None:
    snapshot = graph(rows, seed)
    assert snapshot.time is not None
    room = {1: round(snapshot.num_edges * valid), 2: round(snapshot.num_edges * test)}
    edges = np.arange(snapshot.num_edges)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(split_by, "BULK", most)
        found = DIVIDE[by](snapshot, edges, room, np.random.default_rng(seed))
    pairs: dict[tuple[int, int], list[int]] = defaultdict(list)
    for edge, (head, _, tail) in enumerate(snapshot.triples().tolist()):
        pairs[min(head, tail), max(head, tail)].append(edge)
    listed = [pairs[key] for key in sorted(pairs)]
    order = [listed[i] for i in np.random.default_rng(seed).permutation(len(listed))]
    if by == "time":
        times = snapshot.time.tolist()
        order.sort(key=lambda pair: -max(times[edge] for edge in pair))
    expected = in_turn(snapshot, order, room, by)
    assert {code: sorted(of) for code, of in found.items()} == expected


def test_a_split_by_time_says_how_much_of_it_overlaps() -> None:
    triples = [Triple("a", "r", "b"), Triple("a", "s", "b"), Triple("a", "r", "c")]
    triples += [Triple("b", "r", "c"), Triple("c", "s", "a")]
    snapshot = from_triples(triples)
    times = {("a", "r"): 5, ("a", "s"): 1, ("b", "r"): 7, ("c", "s"): 6}
    held = [times[snapshot.entities[h], snapshot.relations[r]] for h, r, _ in snapshot.triples()]
    split = torch.tensor([2 if {h, t} == {0, 1} else 0 for h, _, t in snapshot.triples().tolist()])
    timed = dataclasses.replace(snapshot, time=torch.tensor(held), split=split.to(torch.int8))
    assert time_overlap(timed) == Overlap(since=5, train_after=2, held_before=1)
    assert time_overlap(snapshot) is None


def test_held_out_entities_are_in_no_fact_of_train() -> None:
    split = ensure_split(
        random_graph(200, 3, 2000), seed=0, valid_share=0.1, test_share=0.1, by="inductive"
    )
    trained = ends(split, "train")
    for name in ("valid", "test"):
        for head, _, tail in split.triples(name).tolist():
            assert not {head, tail} <= trained, name
    held = ends(split, "test") - trained - ends(split, "valid")
    assert all({h, t} & held for h, _, t in split.triples("test").tolist())
    assert find_leaks(split).unseen_entities == 200 - len(trained)


def test_a_split_is_taken_as_it_is_given_or_made_anew() -> None:
    rows = [Triple(f"e{h}", "r", f"e{t}", "train") for h in range(9) for t in range(9)]
    rows[5] = rows[5]._replace(split="test")
    snapshot = from_triples([*rows, Triple("e1", "r", "new")])
    for by in ("auto", "given"):
        given_split = ensure_split(snapshot, seed=0, by=by)
        assert len(given_split.triples("test")) == 1
        assert not len(given_split.triples("valid"))
    assert len(ensure_split(snapshot, seed=0, by="random").triples("valid")) == 8
    with pytest.raises(InputError, match="marked valid or test"):
        ensure_split(graph([(0, 0, 1)]), seed=0, by="given")


@settings(deadline=None, max_examples=50)
@given(rows=facts, codes=st.lists(st.integers(0, 2), min_size=80, max_size=80))
def test_leaks_are_those_that_loops_find(
    rows: list[tuple[int, int, int]], codes: list[int]
) -> None:
    snapshot = graph(rows)
    split = torch.tensor(codes[: snapshot.num_edges], dtype=torch.int8)
    snapshot = dataclasses.replace(snapshot, split=split)
    triples = [tuple(row) for row in snapshot.triples().tolist()]
    train = [row for row, code in zip(triples, codes, strict=False) if code == 0]
    held = [row for row, code in zip(triples, codes, strict=False) if code > 0]
    joined = {frozenset((h, t)) for h, _, t in train}
    leaks = find_leaks(snapshot)
    assert leaks.pairs == sum(frozenset((h, t)) in joined for h, _, t in held)
    assert leaks.unseen_entities == len(ends(snapshot, "valid") | ends(snapshot, "test")) - len(
        (ends(snapshot, "valid") | ends(snapshot, "test")) & ends(snapshot, "train")
    )
    assert leaks.unseen_relations == len({r for _, r, _ in held} - {r for _, r, _ in train})
    repeated: dict[tuple[str, str], float] = {}
    inverse: dict[tuple[str, str], float] = {}
    for r in range(snapshot.num_relations):
        mine = [(h, t) for h, q, t in triples if q == r]
        for s in range(snapshot.num_relations):
            same = sum(r != s and (h, s, t) in triples for h, t in mine) / len(mine)
            turned = sum(h != t and (t, s, h) in triples for h, t in mine) / len(mine)
            names = (snapshot.relations[r], snapshot.relations[s])
            repeated |= {names: same} if same >= INVERSE_SHARE else {}
            inverse |= {names: turned} if turned >= INVERSE_SHARE else {}
    assert {(r, s): share for r, s, share in leaks.repeated} == pytest.approx(repeated)
    assert {(r, s): share for r, s, share in leaks.inverse} == pytest.approx(inverse)


def test_all_strategies_are_known() -> None:
    assert set(DIVIDE) == set(STRATEGIES)
