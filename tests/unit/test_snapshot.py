import dataclasses
import random

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kgplatform.errors import InputError
from kgplatform.graph.snapshot import KGSnapshot, from_columns, from_triples
from kgplatform.triples import SPLITS, Split, Triple

NAME = st.sampled_from(["a", "b", "B", "ä", "a\0", "aa", "漢"])
TRIPLES = st.dictionaries(
    st.tuples(NAME, st.sampled_from(["r", "s", "R"]), NAME),
    st.sampled_from([None, *SPLITS]),
    max_size=25,
).map(lambda found: [Triple(*names, split) for names, split in found.items()])


def triples_of(snapshot: KGSnapshot) -> set[tuple[str, str, str, Split | None]]:
    return {
        (
            snapshot.entities[head],
            snapshot.relations[relation],
            snapshot.entities[tail],
            None if split < 0 else SPLITS[split],
        )
        for head, tail, relation, split in zip(
            *snapshot.edge_index.tolist(),
            snapshot.edge_type.tolist(),
            snapshot.split.tolist(),
            strict=True,
        )
    }


@given(TRIPLES, st.randoms())
def test_the_digest_depends_on_the_content_alone(
    triples: list[Triple], order: random.Random
) -> None:
    snapshot = from_triples(triples)
    shuffled = [*triples, *triples[:3]]
    order.shuffle(shuffled)
    again = from_triples(shuffled)
    assert again.digest == snapshot.digest
    assert torch.equal(again.edge_index, snapshot.edge_index)
    assert snapshot.num_edges == len(triples)
    assert triples_of(snapshot) == {(t.head, t.relation, t.tail, t.split) for t in triples}


@given(TRIPLES, TRIPLES)
def test_different_content_has_a_different_digest(left: list[Triple], right: list[Triple]) -> None:
    same = set(left) == set(right)
    assert (from_triples(left).digest == from_triples(right).digest) == same


def test_entities_without_facts_count() -> None:
    nothing = np.empty(0, dtype=np.int64)
    columns = (nothing, nothing, nothing, nothing)
    one, two = (from_columns(names, [], *columns) for names in (["a"], ["a", "b"]))
    assert one.digest != two.digest
    assert (two.num_entities, two.num_edges) == (2, 0)


def test_what_is_not_a_graph_is_refused() -> None:
    with pytest.raises(InputError, match=r"two splits.*\(a, r, b\)"):
        from_triples([Triple("a", "r", "b", "train"), Triple("a", "r", "b", "test")])
    with pytest.raises(InputError, match="two splits"):
        from_triples([Triple("a", "r", "b"), Triple("a", "r", "b", "test")])
    nothing = np.empty(0, dtype=np.int64)
    with pytest.raises(InputError, match="twice"):
        from_columns(["a", "a"], [], nothing, nothing, nothing, nothing)


def small() -> KGSnapshot:
    return from_triples(
        [
            Triple("b", "likes", "a", "train"),
            Triple("a", "born in", "c", "valid"),
            Triple("c", "likes", "c", "test"),
            Triple("a", "likes", "b"),
        ]
    )


def test_order_types_and_splits() -> None:
    snapshot = small()
    assert snapshot.entities == ("a", "b", "c")
    assert snapshot.relations == ("born in", "likes")
    assert snapshot.triples().tolist() == [[0, 0, 2], [0, 1, 1], [1, 1, 0], [2, 1, 2]]
    assert snapshot.split.tolist() == [1, -1, 0, 2]
    assert (snapshot.edge_index.dtype, snapshot.split.dtype) == (torch.int64, torch.int8)
    assert snapshot.triples("valid").tolist() == [[0, 0, 2]]
    with pytest.raises(dataclasses.FrozenInstanceError):
        snapshot.entities = ()  # type: ignore[misc]


def test_as_homogeneous_data() -> None:
    data = small().to_data()
    data.validate()
    assert (data.num_nodes, data.num_edges) == (3, 4)
    assert torch.equal(data.edge_index, small().edge_index)
    assert torch.equal(data.edge_type, small().edge_type)
    masks = [data[f"{split}_mask"].tolist() for split in SPLITS]
    assert masks == [
        [False, False, True, False],
        [True, False, False, False],
        [False, False, False, True],
    ]


def test_as_heterogeneous_data() -> None:
    data = small().to_hetero()
    data.validate()
    assert data["entity"].num_nodes == 3
    assert data.edge_types == [("entity", "born in", "entity"), ("entity", "likes", "entity")]
    assert data["entity", "likes", "entity"].edge_index.tolist() == [[0, 1, 2], [1, 0, 2]]
    assert data["entity", "born in", "entity"].edge_index.tolist() == [[0], [2]]
