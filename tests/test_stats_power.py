"""Power notes and two-alternative forced choice: by hand, against other libraries, and by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from statsmodels.stats.power import TTestPower
from statsmodels.stats.proportion import proportion_confint

from populace.errors import DataError
from populace.stats import (
    clustered_proportion,
    design_effect,
    forced_choice,
    intraclass_correlation,
    kappa_from_table,
    smallest_difference,
    smallest_kappa,
)

# --- power ----------------------------------------------------------------------------------------


def test_design_effect_by_hand():
    assert design_effect([10] * 5, 0.2) == pytest.approx(2.8)  # 1 + 9 * 0.2
    # (4 + 36) / 8 = 5 rows in the cluster of a typical row: 1 + 4 * 0.5
    assert design_effect([2, 6], 0.5) == pytest.approx(3)
    assert design_effect([1, 1, 1], 0.9) == 1
    for sizes, icc in (([], 0.1), ([0, 1], 0.1), ([2], 2), ([3, 3], -0.5)):
        with pytest.raises(ValueError, match=r"sizes|icc"):
            design_effect(sizes, icc)


def test_icc_by_hand():
    # Clusters (1, 2), (3, 6): means 1.5, 4.5, grand 3. SSB = 2 * (2.25 + 2.25) = 9 on 1; SSW = 0.5 + 4.5 = 5
    # on 2, so MSB 9, MSW 2.5: (9 - 2.5) / (9 + 2.5).
    found = intraclass_correlation([1, 2, 3, 6], ["a", "a", "b", "b"])
    assert found.value == pytest.approx(6.5 / 11.5)
    shifted = intraclass_correlation([1e6 + 1, 1e6 + 2, 1e6 + 3, 1e6 + 6], ["a", "a", "b", "b"])
    assert shifted.value == pytest.approx(6.5 / 11.5)


def test_icc_of_nothing_to_see():
    assert math.isnan(intraclass_correlation([1, 1, 1, 1], [0, 0, 1, 1]).value)
    assert math.isnan(intraclass_correlation([1, 2, 3], [0, 1, 2]).value)
    assert math.isnan(intraclass_correlation([1, 2], [0, 0]).value)
    assert math.isnan(intraclass_correlation([], []).value)


def test_icc_finds_the_planted_value():
    rng = np.random.default_rng(0)
    clusters = np.repeat(np.arange(400), rng.integers(2, 12, 400))
    values = rng.normal(size=400)[clusters] * math.sqrt(0.3) + rng.normal(size=len(clusters)) * math.sqrt(0.7)
    found = intraclass_correlation(values, clusters)
    assert found.low < 0.3 < found.high
    assert found.value == pytest.approx(0.3, abs=0.06)


def test_difference_equals_statsmodels_where_rows_are_independent():
    found = smallest_difference(200, 200, sd=2.0)
    exact = TTestPower().solve_power(nobs=200, alpha=0.05, power=0.8)
    assert found.smallest == pytest.approx(2.0 * exact, rel=0.005)
    assert found.effective_n == 200


def test_difference_has_the_power_it_claims():
    rng = np.random.default_rng(1)
    note = smallest_difference(600, 30, sd=1.0, icc=0.1)
    assert note.design_effect == pytest.approx(2.9)
    hits = 0
    for _ in range(400):
        shared = rng.normal(size=(30, 1)) * math.sqrt(0.1)
        means = (note.smallest + shared + rng.normal(size=(30, 20)) * math.sqrt(0.9)).mean(axis=1)
        hits += abs(means.mean()) / (means.std(ddof=1) / math.sqrt(30)) > 2.045  # t of 29 at 0.975
    assert hits / 400 == pytest.approx(0.8, abs=0.06)


def test_kappa_has_the_power_it_claims():
    rng = np.random.default_rng(2)
    note = smallest_kappa(150, 150, null=0.4, prevalence=0.3)
    p, kappa = 0.3, note.smallest
    both, neither = p * p + kappa * p * (1 - p), (1 - p) ** 2 + kappa * p * (1 - p)
    apart = (1 - both - neither) / 2
    tables = rng.multinomial(150, [both, apart, apart, neither], size=3000).reshape(-1, 2, 2)
    null_sd = math.sqrt(0.6 * (0.6 * 0.2 + 0.4 * 1.6 / 0.42) / 150)
    found = (kappa_from_table(tables) - 0.4) / null_sd > 1.976  # t of 149 at 0.975
    assert found.mean() == pytest.approx(0.8, abs=0.05)


@given(st.integers(10, 500), st.floats(0.05, 0.95), st.floats(0, 0.8))
@settings(deadline=None)
def test_more_rows_find_less(n, prevalence, null):
    few, many = (smallest_kappa(size, size, null=null, prevalence=prevalence) for size in (n, 4 * n))
    assert math.isnan(few.smallest) or null < many.smallest < few.smallest <= 1
    turned = smallest_kappa(n, n, null=null, prevalence=1 - prevalence)
    assert few.smallest == pytest.approx(turned.smallest, nan_ok=True)


def test_notes_say_what_they_assume():
    assert "none" in str(smallest_kappa(4, 4, null=0.9))
    text = str(smallest_kappa(400, [100, 100, 100, 100], icc=0.02))
    assert "worth 134 independent rows" in text  # 400 / (1 + 99 * 0.02)
    for bad in ({"clusters": 1}, {"clusters": 20}, {"clusters": [3, 4]}, {"power": 0.3}, {"level": 1}):
        with pytest.raises(ValueError, match=r"clusters|power|level"):
            smallest_difference(10, **{"clusters": 5, "sd": 1.0, **bad})


# --- forced choice --------------------------------------------------------------------------------


@given(st.integers(0, 30), st.integers(0, 30))
@settings(deadline=None)
def test_independent_rows_get_clopper_and_pearson(right, wrong):
    if not right + wrong:
        return
    found = clustered_proportion([1] * right + [0] * wrong)
    low, high = proportion_confint(right, right + wrong, method="beta")
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))


def test_clusters_of_copies_are_worth_one_trial_each():
    # Ten clusters of four copies, seven right: v = 10 / 9 * 16 * (7 * 0.09 + 3 * 0.49) / 1600 = 0.02333,
    # worth 0.21 / 0.02333 = 9 trials, times (t_39 / t_9)^2 = (2.0227 / 2.2622)^2.
    found = clustered_proportion([1] * 28 + [0] * 12, np.repeat(np.arange(10), 4))
    trials = 9 * (2.0227 / 2.2622) ** 2
    low, high = proportion_confint(0.7 * trials, trials, method="beta")
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))
    assert "worth 7.2 trials" in found.method


def test_all_right_counts_clusters():
    found = clustered_proportion([1] * 90, np.repeat(np.arange(30), 3))
    assert (found.low, found.high) == (pytest.approx(0.025 ** (1 / 30)), 1)
    assert math.isnan(clustered_proportion([1, 0], ["p", "p"]).low)
    assert not clustered_proportion([]).defined


@pytest.mark.parametrize("true", [0.6, 0.95])
def test_clustered_interval_covers(true):
    rng = np.random.default_rng(5)
    clusters = np.repeat(np.arange(25), 8)
    held = 0
    for _ in range(400):
        chance = rng.beta(true * 9, (1 - true) * 9, 25)  # ICC 0.1
        found = clustered_proportion(rng.random(200) < chance[clusters], clusters)
        held += found.low <= true <= found.high
    assert held / 400 >= 0.93


def test_sensitivity_by_hand():
    found = forced_choice([1] * 84 + [0] * 16)
    assert found.sensitivity.value == pytest.approx(math.sqrt(2) * norm.ppf(0.84))
    assert found.sensitivity.low == pytest.approx(math.sqrt(2) * norm.ppf(found.correct.low))
    assert found.position is None
    assert forced_choice([1] * 5).sensitivity.value == math.inf
    # Right 45 of 50 when first, 30 of 50 when second: H = 45.5 / 51, F = 20.5 / 51.
    shown = [1] * 50 + [0] * 50
    right = [1] * 45 + [0] * 5 + [1] * 30 + [0] * 20
    found = forced_choice(right, first=shown)
    assert found.sensitivity.value == pytest.approx(
        (norm.ppf(45.5 / 51) - norm.ppf(20.5 / 51)) / math.sqrt(2)
    )
    assert found.position.value == pytest.approx(0.9 - 0.6)
    assert found.correct.value == pytest.approx(0.75)


def test_a_liking_for_the_first_hides_from_the_share_but_not_from_sensitivity():
    rng = np.random.default_rng(6)
    shown = rng.integers(2, size=40_000)
    # Evidence for the first is normal about +-d'/sqrt(2) with sd 1; the liking shifts what suffices.
    evidence = np.where(shown == 1, 1, -1) * 1.2 / math.sqrt(2) + rng.normal(size=len(shown))
    right = (evidence > -0.7) == (shown == 1)
    found = forced_choice(right, first=shown, draws=200)
    assert found.sensitivity.low < 1.2 < found.sensitivity.high
    assert forced_choice(right).sensitivity.high < 1.2
    assert found.position.low > 0.2


def test_missing_and_bad_input():
    found = forced_choice([1, None, 0, 1], first=[1, None, 0, 0])
    assert found.correct.n == found.sensitivity.n == 3
    with pytest.raises(DataError, match="missing"):
        forced_choice([1, 0], first=[1, None])
    with pytest.raises(DataError, match="0 or 1"):
        forced_choice([1, 0.5])
    assert math.isnan(forced_choice([1, 0], first=[1, 1]).sensitivity.value)
    with pytest.raises(ValueError, match="level"):
        clustered_proportion([1], level=2)
