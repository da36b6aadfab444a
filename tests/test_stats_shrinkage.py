"""Shrunken rates: a quadrature twin, limits known by hand, odd cells, and coverage by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, betabinom

from populace.errors import DataError
from populace.stats import shrunken_rates


def naive_posterior(successes, trials, cell):
    """Integrate by brute force; return the posterior mean and the distribution function."""
    there = [n for n in trials if n]
    typical = len(there) / sum(1 / n for n in there)
    mean = (np.arange(160) + 0.5) / 160
    shrinkage = (np.arange(160) + 0.5) / 160  # M / (M + typical), uniform
    m, share = np.meshgrid(mean, shrinkage, indexing="ij")
    concentration = typical * share / (1 - share)
    a, b = m * concentration, (1 - m) * concentration
    weight = np.ones_like(m)
    for y, n in zip(successes, trials, strict=True):
        weight *= betabinom.pmf(y, n, a, b)
    weight /= weight.sum()
    y, n = successes[cell], trials[cell]
    value = float((weight * (a + y) / (concentration + n)).sum())
    return value, lambda x: float((weight * beta.cdf(x, a + y, b + n - y)).sum())


@pytest.mark.parametrize("cell", range(4))
def test_equals_brute_force_integration(cell):
    successes, trials = [3, 9, 0, 14], [10, 12, 4, 30]
    found = shrunken_rates(successes, trials).cells[cell].estimate
    value, below = naive_posterior(successes, trials, cell)
    assert found.value == pytest.approx(value, abs=0.003)
    assert below(found.low) == pytest.approx(0.025, abs=0.004)
    assert below(found.high) == pytest.approx(0.975, abs=0.004)


def test_one_large_cell_is_its_own():
    # A flat prior of the mean hardly moves 3,000 of 10,000; sd sqrt(0.3 * 0.7 / 10000) = 0.0046.
    found = shrunken_rates([3000, 9000], [10_000, 10_000]).cells[0]
    assert found.estimate.value == pytest.approx(0.3, abs=0.001)
    assert found.estimate.high - found.estimate.low == pytest.approx(2 * 1.96 * 0.00458, rel=0.03)
    assert found.own > 0.99
    assert not found.few


def test_small_cells_move_further_than_large_ones():
    found = shrunken_rates([0, 0, 60, 55, 45], [2, 20, 100, 100, 100]).cells
    assert found[0].raw == found[1].raw == 0
    assert found[0].estimate.value > found[1].estimate.value > 0
    assert found[0].own < found[1].own < found[2].own
    assert [cell.few for cell in found] == [True, found[1].own < 0.5, False, False, False]


def test_a_cell_that_is_mostly_the_others_is_marked():
    for cell in shrunken_rates([10, 11, 9, 10], [20] * 4).cells:
        assert 0.2 < cell.own < 0.5
        assert cell.few


def test_cells_that_differ_by_chance_alone_are_pulled_together():
    rng = np.random.default_rng(0)
    trials = np.full(50, 20)
    alike = shrunken_rates(rng.binomial(trials, 0.4), trials)
    unlike = shrunken_rates(rng.binomial(trials, rng.beta(1, 1.5, 50)), trials)
    assert alike.concentration > 100
    assert unlike.concentration < 10
    assert np.std([cell.estimate.value for cell in alike.cells]) < 0.05


@pytest.mark.parametrize(
    ("successes", "trials"),
    [([0, 0, 0], [5, 5, 5]), ([5, 5], [5, 5]), ([1], [1]), ([0], [1]), ([0, 40], [40, 40]), ([7, 0], [9, 0])],
)
def test_all_equal_tiny_and_empty_cells_have_intervals(successes, trials):
    for cell in shrunken_rates(successes, trials).cells:
        found = cell.estimate
        assert 0 <= found.low < found.value < found.high <= 1


def test_empty_cell_is_what_a_new_cell_would_be():
    found = shrunken_rates([10, 11, 12, 0], [20, 20, 20, 0]).cells[3]
    assert math.isnan(found.raw)
    assert found.own == 0
    assert found.few
    assert found.estimate.n == 0
    assert found.estimate.low < 0.5 < found.estimate.high


def test_nothing_known():
    for found in (shrunken_rates([0, 0], [0, 0]), shrunken_rates([], [])):
        assert math.isnan(found.mean)
        assert all(not cell.estimate.defined and cell.few for cell in found.cells)


def test_design_effect_divides_the_counts():
    clustered = shrunken_rates([12, 30, 6], [40, 60, 20], design_effect=2).cells
    fewer = shrunken_rates([6, 15, 3], [20, 30, 10]).cells
    for a, b in zip(clustered, fewer, strict=True):
        assert a.estimate.value == pytest.approx(b.estimate.value)
        assert a.estimate.low == pytest.approx(b.estimate.low, abs=1e-5)
        assert a.estimate.n == 2 * b.estimate.n


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=6))
@settings(max_examples=25, deadline=None)
def test_success_and_failure_are_symmetric_and_order_does_not_matter(pairs):
    good = np.array([a for a, _ in pairs])
    trials = good + np.array([b for _, b in pairs])
    if not trials.sum():
        return
    found = shrunken_rates(good, trials).cells
    mirrored = shrunken_rates(trials - good, trials).cells
    turned = shrunken_rates(good[::-1], trials[::-1]).cells[::-1]
    for a, b, c in zip(found, mirrored, turned, strict=True):
        assert a.estimate.low <= a.estimate.value <= a.estimate.high
        assert a.estimate.value == pytest.approx(1 - b.estimate.value, abs=1e-6)
        assert a.estimate.low == pytest.approx(1 - b.estimate.high, abs=1e-5)
        assert a.estimate.value == pytest.approx(c.estimate.value)


@pytest.mark.parametrize(("mean", "concentration"), [(0.3, 20), (0.9, 5), (0.5, 1e8)])
def test_intervals_cover_the_true_rates(mean, concentration):
    rng = np.random.default_rng(7)
    held = cells = error = raw_error = 0
    for _ in range(25):
        trials = rng.integers(1, 60, 25)
        true = rng.beta(mean * concentration, (1 - mean) * concentration, 25)
        good = rng.binomial(trials, true)
        found = shrunken_rates(good, trials).cells
        held += sum(c.estimate.low <= t <= c.estimate.high for c, t in zip(found, true, strict=True))
        error += sum((c.estimate.value - t) ** 2 for c, t in zip(found, true, strict=True))
        raw_error += float(((good / trials - true) ** 2).sum())
        cells += 25
    assert held / cells >= 0.93
    assert error < 0.8 * raw_error  # what shrinking is for


def test_bad_input():
    for successes, trials in ([3], [2]), ([-1], [2]), ([0.5], [2]), ([None], [2]), ([1, 1], [2]):
        with pytest.raises(DataError):
            shrunken_rates(successes, trials)
    with pytest.raises(DataError, match="twice"):
        shrunken_rates([1, 1], [2, 2], names=["a", "a"])
    with pytest.raises(ValueError, match="design_effect"):
        shrunken_rates([1], [2], design_effect=0)
    with pytest.raises(ValueError, match="level"):
        shrunken_rates([1], [2], level=1)
