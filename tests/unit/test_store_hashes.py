"""The set of hashes against Python's own."""

import hypothesis.strategies as st
import numpy as np
from hypothesis import given

from kgplatform.store.hashes import HashSet

HASHES = st.integers(0, 2**64 - 1) | st.integers(0, 20)


@given(st.lists(st.lists(HASHES, max_size=30), max_size=12))
def test_it_says_what_was_there_as_a_set_would(batches: list[list[int]]) -> None:
    hashes, expected = HashSet(), set[int]()
    for batch in batches:
        seen = hashes.add(np.array(batch, dtype=np.uint64)).tolist()
        for value, there in zip(batch, seen, strict=True):
            assert there == (value in expected)
            expected.add(value)
    assert hashes.sorted().tolist() == sorted(expected)


def test_runs_stay_few() -> None:
    hashes = HashSet()
    rng = np.random.default_rng(0)
    for _ in range(200):
        hashes.add(rng.integers(0, 2**64, 100, dtype=np.uint64))
    assert len(hashes._runs) <= 16
    assert len(hashes.sorted()) == 20_000
