"""pass@k, distances, adjusted p-values, calibration, and what the whole room promises."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import jensenshannon
from scipy.stats import wasserstein_distance
from sklearn.metrics import brier_score_loss, log_loss
from statsmodels.stats.multitest import multipletests

from populace import stats
from populace.errors import DataError
from populace.stats import (
    benjamini_hochberg,
    brier_score,
    calibration_error,
    estimate_pass_at_k,
    holm,
    jensen_shannon_distance,
    jensen_shannon_divergence,
    log_score,
    pass_at_k,
    total_variation,
    wasserstein,
)

NAN = float("nan")


def test_every_export_is_there_and_nothing_heavy_is_imported():
    assert all(hasattr(stats, name) for name in stats.__all__)
    assert list(stats.__all__) == sorted(stats.__all__)
    heavy = "scipy", "sklearn", "pandas", "polars", "torch"
    check = f"import sys, populace.stats; print([m for m in {heavy} if m in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


# --- pass@k -----------------------------------------------------------------------------------------


@given(st.integers(1, 40), st.data())
def test_pass_at_k_equals_binomials(n, data):
    c, k = data.draw(st.integers(0, n)), data.draw(st.integers(1, n))
    assert pass_at_k(n, c, k) == pytest.approx(1 - math.comb(n - c, k) / math.comb(n, k), abs=1e-12)


def test_pass_at_k_by_hand_and_in_arrays():
    # n = 4, c = 1: 1/4; 1 - C(3,2)/C(4,2) = 1/2; 1 - C(3,3)/C(4,3) = 3/4; all four always include it.
    assert pass_at_k(4, 1, [1, 2, 3, 4]).tolist() == pytest.approx([1 / 4, 1 / 2, 3 / 4, 1])
    curve = pass_at_k([4, 5, 6], [0, 5, 3], [[1], [2]])
    assert curve.tolist() == [pytest.approx([0, 1, 1 / 2]), pytest.approx([0, 1, 4 / 5])]
    assert 0 < pass_at_k(10_000, 1, 5_000) < 1  # C(10000, 5000) has 3,009 digits


def test_pass_at_k_is_unbiased_where_the_plug_in_is_not():
    rng = np.random.default_rng(0)
    c = rng.binomial(5, 0.2, 40_000)
    truth = 1 - 0.8**3
    assert pass_at_k(5, c, 3).mean() == pytest.approx(truth, abs=0.008)
    assert (1 - (1 - c / 5) ** 3).mean() < truth - 0.05


def test_estimate_of_pass_at_k_counts_items_and_clusters():
    estimate = estimate_pass_at_k(4, [0, 1, 4, 4], 2, clusters=["ann", "ann", "bo", "bo"])
    assert (estimate.value, estimate.n, estimate.clusters) == (0.625, 4, 2)  # (0 + 1/2 + 1 + 1) / 4


@pytest.mark.parametrize(
    ("n", "c", "k", "message"),
    [
        (3, 1, 4, "`k` must lie"),
        (3, 1, 0, "`k` must lie"),
        (3, 4, 2, "`c` must lie"),
        (3, -1, 2, "`c` must lie"),
        (3.5, 1, 2, "`n` must be whole"),
        (3, NAN, 2, "`c` must be whole"),
        (3, "1", 2, "`c` must be whole"),
    ],
)
def test_pass_at_k_refuses_impossible_numbers(n, c, k, message):
    with pytest.raises(DataError, match=message):
        pass_at_k(n, c, k)


# --- distances --------------------------------------------------------------------------------------

masses = arrays(np.float64, (2, 5), elements=st.floats(0, 9).map(lambda x: round(x, 3))).filter(
    lambda both: (both.sum(axis=1) > 0).all()
)


@given(masses)
def test_distances_equal_scipy_and_each_other_swapped(both):
    p, q = both
    for base in 2.0, math.e:
        ours = jensen_shannon_distance(p, q, base)
        # scipy takes the root of rounding errors where the two are equal.
        assert ours == pytest.approx(jensenshannon(p, q, base), abs=1e-7)
        assert jensen_shannon_divergence(p, q, base) == pytest.approx(ours**2)
    places = np.array([0, 1, 3, 4, 10])
    assert wasserstein(p, q, places) == pytest.approx(wasserstein_distance(places, places, p, q), abs=1e-12)
    assert total_variation(p, q) == pytest.approx(sum(abs(p / p.sum() - q / q.sum())) / 2)
    for distance in total_variation, jensen_shannon_distance, wasserstein:
        assert distance(p, q) == pytest.approx(distance(q, p), abs=1e-12)
        assert distance(p, 3 * p) == pytest.approx(0, abs=1e-7)


def test_distances_by_hand():
    p, q = [1, 1, 0, 0], [0, 0, 1, 3]
    # No mass in common: total variation 1, divergence 1 bit = log 2 nats. Moving (1/2, 1/2, 0, 0) to
    # (0, 0, 1/4, 3/4): the mean place goes from 0.5 to 2.75, every step rightwards.
    assert total_variation(p, q) == 1
    assert jensen_shannon_divergence(p, q) == pytest.approx(1)
    assert jensen_shannon_divergence(p, q, math.e) == pytest.approx(math.log(2))
    assert wasserstein(p, q) == pytest.approx(2.25)
    assert wasserstein(p, q, np.linspace(0, 1, 4)) == pytest.approx(0.75)


def test_distances_broadcast_and_leave_no_mass_undefined():
    groups = np.array([[1, 0, 0], [0, 0, 0], [1, 1, 2]])
    for distance in total_variation, jensen_shannon_distance, jensen_shannon_divergence, wasserstein:
        crossed = distance(groups[:, None], groups)
        assert crossed.shape == (3, 3)
        assert np.isnan(crossed).tolist() == [[False, True, False], [True] * 3, [False, True, False]]
        assert crossed[0, 2] == distance(groups[0], groups[2])
    assert np.isnan(wasserstein([0], [1])) and wasserstein([2], [1]) == 0


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: total_variation([1, 2], [1, 2, 3]), DataError),
        (lambda: total_variation([1, -1], [1, 2]), DataError),
        (lambda: total_variation([1, NAN], [1, 2]), DataError),
        (lambda: total_variation(1, 2), DataError),
        (lambda: wasserstein([1, 2], [2, 1], [1, 1]), DataError),
        (lambda: wasserstein([1, 2], [2, 1], [1, 2, 3]), DataError),
        (lambda: jensen_shannon_distance([1, 2], [2, 1], base=1), ValueError),
    ],
)
def test_distances_refuse_what_is_no_distribution(call, error):
    with pytest.raises(error):
        call()


# --- many tests at once -----------------------------------------------------------------------------


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
@settings(max_examples=25)
def test_adjusted_p_values_equal_statsmodels(p):
    assert holm(p).tolist() == pytest.approx(multipletests(p, method="holm")[1].tolist())
    assert benjamini_hochberg(p).tolist() == pytest.approx(multipletests(p, method="fdr_bh")[1].tolist())


def test_missing_p_values_are_no_tests():
    # Two tests: Holm multiplies the smaller by 2, Benjamini-Hochberg too, and both keep 0.5.
    for adjust in holm, benjamini_hochberg:
        assert adjust([0.5, NAN, 0.01]).tolist() == pytest.approx([0.5, NAN, 0.02], nan_ok=True)
        assert adjust([]).tolist() == []
        assert adjust([0.9, 0.8]).max() <= 1
        with pytest.raises(DataError, match="outside 0 to 1"):
            adjust([0.1, 1.1])


# --- calibration ------------------------------------------------------------------------------------

forecasts = st.lists(st.tuples(st.floats(0.01, 0.99), st.booleans()), min_size=2, max_size=40)


def naive_calibration_error(rows: list[tuple[float, bool]], bins: int) -> float:
    error = 0.0
    for index in range(bins):
        inside = [(p, y) for p, y in rows if int(p * bins) == index]
        if inside:
            mean_p = sum(p for p, _ in inside) / len(inside)
            share = sum(y for _, y in inside) / len(inside)
            error += len(inside) / len(rows) * abs(mean_p - share)
    return error


@given(forecasts)
@settings(max_examples=50)
def test_scores_equal_scikit_learn_and_naive_twin(rows):
    p, y = zip(*rows, strict=True)
    assert brier_score(p, y, draws=1).value == pytest.approx(brier_score_loss(y, p, labels=[0, 1]))
    assert log_score(p, y, draws=1).value == pytest.approx(log_loss(y, p, labels=[0, 1]))
    for bins in 1, 10:
        ours = calibration_error(p, y, bins=bins, draws=1).value
        assert ours == pytest.approx(naive_calibration_error(rows, bins))


def test_scores_by_hand():
    # Certain and wrong: the log score stops at the floor.
    assert log_score([1.0], [0], floor=0.001).value == pytest.approx(-math.log(0.001))
    # Ten bins: 1.0 and 0.95 share the last one, |(1.0 - 0) + (0.95 - 1)| / 2 = 0.475.
    assert calibration_error([1.0, 0.95], [0, 1]).value == pytest.approx(0.475)
    for score in brier_score, log_score, calibration_error:
        estimate = score([0.5, 0.5, None, 0.9], [1, 0, 1, None], clusters=["ann", "bo", "cy", "di"])
        assert (estimate.n, estimate.clusters) == (2, 2)
        assert not score([], []).defined
        with pytest.raises(DataError, match="outside 0 to 1"):
            score([1.2], [1])
        with pytest.raises(DataError, match="neither 0 nor 1"):
            score([0.2], [0.5])
    with pytest.raises(ValueError, match="bins is 0"):
        calibration_error([0.5], [1], bins=0)
