"""Calibration: curves that hold for queries they were not fitted on, and how that is measured."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kgplatform.training.calibrate import (
    Calibration,
    Curve,
    expected_calibration_error,
    fit_calibration,
    reliability,
)


def fitted(score: np.ndarray, share: np.ndarray, label: np.ndarray) -> Calibration:
    query = np.arange(len(score)) // 4
    return fit_calibration(score, share, label, np.ones(len(score)), query)


def test_platts_curve_is_chosen_where_it_is_the_truth_and_is_recovered() -> None:
    rng = np.random.default_rng(0)
    share = rng.normal(-3, 2, 20_000)
    label = rng.random(len(share)) < 1 / (1 + np.exp(-(1.5 * share + 1)))
    found = fitted(rng.normal(size=len(share)), share, label)
    assert (found.curve.feature, found.curve.method) == ("log_share", "platt")
    assert found.curve.slope == pytest.approx(1.5, abs=0.15)
    assert found.curve.intercept == pytest.approx(1, abs=0.2)
    assert found.error < 0.01


def test_isotonic_steps_are_chosen_where_no_logistic_curve_fits() -> None:
    rng = np.random.default_rng(0)
    score = rng.uniform(-1, 1, 20_000)
    truth = np.where(score < -0.5, 0.05, np.where(score < 0.6, 0.4, 0.5))
    label = rng.random(len(score)) < truth
    found = fitted(score, rng.normal(size=len(score)), label)
    assert (found.curve.feature, found.curve.method) == ("score", "isotonic")
    asked = np.array([-0.75, 0.2, 0.8])
    np.testing.assert_allclose(found.curve.confidence(asked, asked), [0.05, 0.4, 0.5], atol=0.06)
    assert found.log_loss["score/isotonic"] < found.log_loss["score/platt"]


def test_a_score_that_misleads_gives_the_base_rate() -> None:
    score = np.linspace(0, 1, 100)
    label = score < 0.3
    found = fitted(score, score, label)
    np.testing.assert_allclose(found.curve.confidence(score, score), label.mean(), atol=1e-6)


@settings(deadline=None, max_examples=20)
@given(st.lists(st.tuples(st.floats(-1e4, 1e4), st.booleans()), min_size=4, max_size=40))
def test_confidence_is_monotone_and_never_certain(rows: list[tuple[float, bool]]) -> None:
    score = np.array([value for value, _ in rows] + [0.0, 1.0])
    label = np.array([true for _, true in rows] + [True, False])
    curve = fitted(score, score, label).curve
    asked = np.sort(score)
    confidence = curve.confidence(asked, asked)
    assert ((confidence >= 0) & (confidence <= 1)).all()
    assert (np.diff(confidence) >= -1e-12).all()


def test_weights_count_candidates() -> None:
    score = np.array([0.0, 1.0, 2.0, 3.0])
    label = np.array([False, True, False, True])
    weight = np.array([3.0, 1.0, 2.0, 1.0])
    query = np.arange(4)
    repeated = np.repeat(np.arange(4), weight.astype(int))
    weighted = fit_calibration(score, score, label, weight, query)
    counted = fit_calibration(
        score[repeated], score[repeated], label[repeated], np.ones(len(repeated)), query[repeated]
    )
    asked = np.linspace(-1, 4, 11)
    np.testing.assert_allclose(
        weighted.curve.confidence(asked, asked), counted.curve.confidence(asked, asked), atol=0.01
    )


def slow_error(confidence: np.ndarray, label: np.ndarray, bins: int) -> float:
    """Bins of equal mass of distinct confidences, by a loop."""
    order = np.argsort(confidence)
    parts = np.array_split(order, bins)
    gaps = [abs(label[part].mean() - confidence[part].mean()) * len(part) for part in parts]
    return float(sum(gaps)) / len(label)


def test_expected_calibration_error_against_a_loop() -> None:
    rng = np.random.default_rng(0)
    confidence = rng.random(1_500)
    label = rng.random(1_500) < confidence**2
    found = expected_calibration_error(confidence, label)
    assert found == pytest.approx(slow_error(confidence, label, 15), abs=1e-9)
    assert found > 0.1
    assert math.isnan(expected_calibration_error(np.empty(0), np.empty(0, dtype=bool)))


def test_equal_confidences_share_a_bin() -> None:
    confidence = np.full(100, 0.5)
    label = np.arange(100) % 2 == 0
    assert expected_calibration_error(confidence, np.sort(label)) == pytest.approx(0)


def test_the_reliability_table_counts_weights() -> None:
    confidence = np.array([0.01, 0.02, 0.9, 1.0])
    label = np.array([False, False, True, True])
    low, high = reliability(confidence, label, np.array([5.0, 5.0, 1.0, 1.0]))
    assert (low.low, low.count, low.true) == (0.0, 10.0, 0.0)
    assert (high.high, high.count, high.true) == (1.0, 2.0, 1.0)
    assert high.confidence == pytest.approx(0.95)


def test_a_curve_beyond_its_knots_is_flat() -> None:
    curve = Curve("score", "isotonic", knots=(np.array([0.0, 1.0]), np.array([0.2, 0.8])))
    asked = np.array([-9.0, 0.5, 9.0])
    np.testing.assert_allclose(curve.confidence(asked, asked), [0.2, 0.5, 0.8])
