"""Properties of entities and edges as tensors, and snapshots that carry them."""

import dataclasses

import numpy as np
import pytest
import torch

from kgplatform.errors import InputError
from kgplatform.graph.features import MAX_CATEGORIES, feature, matrix
from kgplatform.graph.snapshot import KGSnapshot, from_columns


def rows(*numbers: int) -> np.ndarray:
    return np.array(numbers, dtype=np.int64)


def test_numbers_go_to_their_rows_and_the_others_are_zero_and_absent() -> None:
    age = feature("age", rows(2, 0), [7, 1.5], 4)
    assert age.kind == "number"
    assert age.values.tolist() == [[1.5], [0.0], [7.0], [0.0]]
    assert age.present.tolist() == [True, False, True, False]
    assert age.dimension == 1


def test_null_is_absent_not_zero() -> None:
    age = feature("age", rows(0, 1), [None, 0], 2)
    assert age.present.tolist() == [False, True]


def test_truth_values_and_lists() -> None:
    assert feature("alive", rows(0, 1), [True, False], 2).kind == "boolean"
    place = feature("place", rows(1), [[1, 2.5, -3]], 2)
    assert place.values.tolist() == [[0, 0, 0], [1, 2.5, -3]]
    assert place.dimension == 3


def test_texts_that_repeat_are_categories() -> None:
    colour = feature("colour", rows(0, 1, 3), ["red", "blue", "red"], 4)
    assert colour.kind == "category"
    assert colour.texts == ("blue", "red")
    assert colour.values.tolist() == [1, 0, -1, 1]
    assert matrix([colour], 4).tolist() == [[0, 1], [1, 0], [0, 0], [0, 1]]


def test_texts_that_differ_all_or_are_many_are_text_and_no_column() -> None:
    titles = feature("title", rows(0, 1), ["a", "b"], 2)
    assert titles.kind == "text"
    assert matrix([titles], 2).shape == (2, 0)
    many = [f"t{number % (MAX_CATEGORIES + 1)}" for number in range(600)]
    assert feature("many", np.arange(600), many, 600).kind == "text"


def test_features_stand_side_by_side() -> None:
    x = matrix(
        [
            feature("age", rows(0, 1), [1, 2], 2),
            feature("colour", rows(0, 1), ["red", "red"], 2),
            feature("place", rows(0, 1), [[3, 4], [5, 6]], 2),
        ],
        2,
    )
    assert x.tolist() == [[1, 1, 3, 4], [2, 1, 5, 6]]
    assert x.dtype == torch.float32


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([1, "a"], "type int, str"),
        ([float("nan")], "NaN"),
        ([float("inf")], "infinity"),
        ([[1], [1, 2]], "1 to 2 numbers"),
        ([["a"]], "lists of str"),
        ([[1, None]], "lists of NoneType, int"),
        ([{}], "type dict"),
    ],
)
def test_what_is_no_feature_is_refused_by_name(values: list[object], said: str) -> None:
    with pytest.raises(InputError, match="'age'") as caught:
        feature("age", np.arange(len(values)), values, len(values))
    assert said in str(caught.value)


def snapshot(**columns: np.ndarray) -> KGSnapshot:
    return from_columns(
        ["b", "a"],
        ["likes"],
        rows(0, 1, 1),
        rows(0, 0, 0),
        rows(1, 0, 0),
        rows(0, -1, -1),
        **columns,
    )


def test_weights_and_times_follow_their_edges() -> None:
    plain = snapshot()
    assert plain.edge_index.tolist() == [[0, 1], [1, 0]]
    weighted = snapshot(weight=np.array([5.0, 3.0, 3.0]))
    assert weighted.weight is not None
    assert weighted.weight.tolist() == [3.0, 5.0]
    timed = snapshot(time=rows(2, 9, 4))
    assert timed.time is not None
    assert timed.edge_index.tolist() == [[0, 0, 1], [1, 1, 0]]
    assert timed.time.tolist() == [4, 9, 2]


def test_two_weights_of_one_triple_are_refused_and_at_two_times_not() -> None:
    weight = np.array([5.0, 3.0, 4.0])
    with pytest.raises(InputError, match=r"two weights, the first \(a, likes, b\)"):
        snapshot(weight=weight)
    assert snapshot(weight=weight, time=rows(0, 1, 2)).num_edges == 3


def test_the_digest_knows_all_that_a_snapshot_carries() -> None:
    plain = snapshot()
    number = feature("age", rows(0), [1], 2)
    others = [
        snapshot(weight=np.array([5.0, 3.0, 3.0])),
        snapshot(time=rows(1, 1, 1)),
        dataclasses.replace(plain, features=(number,)),
        dataclasses.replace(plain, edge_features=(number,)),
        dataclasses.replace(plain, labels=number),
        dataclasses.replace(plain, features=(feature("age", rows(1), [1], 2),)),
    ]
    assert len({plain.digest, *(other.digest for other in others)}) == len(others) + 1


def test_pyg_gets_what_there_is() -> None:
    labels = feature("kind", rows(0, 1), ["x", "x"], 2)
    full = dataclasses.replace(
        snapshot(weight=np.array([5.0, 3.0, 3.0]), time=rows(1, 1, 1)),
        features=(feature("age", rows(0), [1], 2),),
        labels=labels,
        label_split=torch.tensor([0, 2], dtype=torch.int8),
    )
    data = full.to_data()
    assert data.x.tolist() == [[1.0], [0.0]]
    assert data.y.tolist() == [0, 0]
    assert data.train_mask.tolist() == [True, False]
    assert data.test_mask.tolist() == [False, True]
    assert data.edge_weight.tolist() == [3.0, 5.0]
    assert data.edge_time.tolist() == [1, 1]
    assert full.to_hetero()["entity"].x.tolist() == [[1.0], [0.0]]
    assert "x" not in snapshot().to_data()
