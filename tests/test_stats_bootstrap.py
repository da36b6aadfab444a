"""The cluster bootstrap and what is built on it: means, proportions, ratios, paired tests."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from populace.errors import DataError
from populace.stats import (
    Estimate,
    bootstrap_replicates,
    cluster_bootstrap,
    cohen_kappa,
    mean,
    paired_difference,
    paired_test,
    proportion,
    ratio,
)

NAN = float("nan")


def share(totals):
    return totals[:, 0] / totals[:, 1]


# --- the core -------------------------------------------------------------------------------------


@given(st.integers(1, 30), st.integers(0, 5))
@settings(max_examples=30)
def test_replicates_equal_the_naive_loop(clusters, seed):
    counts = np.random.default_rng(seed).random((clusters, 2)) + 1  # all different
    ours = bootstrap_replicates(counts, share, draws=20, seed=seed)
    picks = np.random.default_rng(seed).integers(clusters, size=(20, clusters))
    naive = [counts[drawn, 0].sum() / counts[drawn, 1].sum() for drawn in picks]
    np.testing.assert_allclose(ours, naive, rtol=1e-12)


def test_replicates_keep_every_axis_of_the_statistic():
    counts = np.arange(24.0).reshape(4, 2, 3)
    replicates = bootstrap_replicates(counts, lambda totals: totals / 2, draws=7)
    assert replicates.shape == (7, 2, 3)
    assert bootstrap_replicates(np.zeros((0, 2)), share, draws=7).shape == (7,)


def test_same_seed_same_numbers_whatever_the_block(monkeypatch):
    rng = np.random.default_rng(0)
    counts = rng.integers(1, 50, (40, 2))
    whole = bootstrap_replicates(counts, share, draws=300, seed=3)
    assert np.array_equal(whole, bootstrap_replicates(counts, share, draws=300, seed=3))
    assert not np.array_equal(whole, bootstrap_replicates(counts, share, draws=300, seed=4))
    monkeypatch.setattr("populace.stats.bootstrap._BLOCK", 1000)  # 25 draws at a time
    assert np.array_equal(whole, bootstrap_replicates(counts, share, draws=300, seed=3))


def test_order_of_rows_and_names_of_clusters_do_not_matter():
    rng = np.random.default_rng(0)
    values, clusters = rng.integers(0, 9, 200), rng.integers(0, 30, 200)
    order = rng.permutation(200)
    names = np.array([f"persona {cluster:02d}" for cluster in clusters])
    assert mean(values, clusters) == mean(values[order], names[order])


def test_many_equal_clusters_are_drawn_as_one_multinomial():
    # 1,000 rows, 300 of them 1: the mean of a resample is binomial(1000, 0.3) / 1000.
    replicates = bootstrap_replicates(
        np.stack([np.arange(1000) < 300, np.ones(1000)], axis=1), share, draws=20_000
    )
    spread = math.sqrt(0.3 * 0.7 / 1000)
    assert replicates.mean() == pytest.approx(0.3, abs=4 * spread / math.sqrt(20_000))
    assert replicates.std() == pytest.approx(spread, rel=4 / math.sqrt(2 * 20_000))


def test_estimate_records_its_settings():
    estimate = mean([1, 2, 3, 4], ["ann", "ann", "bo", "cy"], draws=100, seed=7, level=0.9)
    assert (estimate.n, estimate.clusters, estimate.level, estimate.seed) == (4, 3, 0.9, 7)
    assert estimate.method == "cluster bootstrap, percentile, 100 draws"
    assert mean([1, 2, 3, 4]).method == "row bootstrap, percentile, 2000 draws"


def test_undefined_draws_are_left_out_and_counted():
    # The ratio is undefined when the only cluster with a denominator is not drawn: (3/4)^4 of draws.
    estimate = ratio([1, 0, 0, 0], [2, 0, 0, 0], ["ann", "bo", "cy", "di"], draws=1000)
    assert (estimate.value, estimate.low, estimate.high) == (0.5, 0.5, 0.5)
    left_out = int(estimate.method.removesuffix(" undefined left out").rpartition(" ")[2])
    expected = 0.75**4
    assert abs(left_out - 1000 * expected) < 4 * math.sqrt(1000 * expected * (1 - expected))


def test_one_cluster_or_no_value_has_no_interval():
    one = mean([1, 2, 3], ["ann"] * 3)
    assert (one.value, one.clusters, one.seed, one.method) == (2, 1, None, "no interval: only one cluster")
    none = mean([NAN, None])
    assert (none.defined, none.n, none.clusters) == (False, 0, 0)
    assert none.method == "no interval: undefined for these data"
    assert all(math.isnan(end) for end in (one.low, one.high, none.low, none.high))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: mean([1, 2], level=1.0), ValueError, "level is 1.0"),
        (lambda: mean([1, 2], draws=0), ValueError, "draws is 0"),
        (lambda: paired_test([1], [2], flips=0), ValueError, "flips is 0"),
        (lambda: mean(["a", "b"]), DataError, "`values` is not numeric"),
        (lambda: mean([1, math.inf]), DataError, "infinite"),
        (lambda: mean([1, 2], weights=[1, -1]), DataError, "`weights` must be finite"),
        (lambda: mean([1, 2], weights=[1, None]), DataError, "`weights` must be finite"),
        (lambda: mean([1, 2], [1]), DataError, "`clusters` has 1 entries and needs 2"),
        (lambda: ratio([1, 2], [1]), DataError, "`denominator` has 1 entries"),
        (lambda: paired_difference([1, 2], [1]), DataError, "`b` has 1 entries"),
        (lambda: proportion([0.5, 1]), DataError, "must be 0 or 1"),
        (lambda: cluster_bootstrap([NAN, 1.0], lambda t: t, n=2), DataError, "finite"),
        (lambda: cluster_bootstrap(3, lambda t: t, n=2), DataError, "one entry per cluster"),
    ],
)
def test_bad_input_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


# --- coverage -------------------------------------------------------------------------------------


def coverage(estimates: list[Estimate], truth: float) -> float:
    return float(np.mean([estimate.low <= truth <= estimate.high for estimate in estimates]))


def test_cluster_intervals_cover_and_row_intervals_do_not():
    # 40 people, 10 answers each; each has a share of their own, Beta(2, 2) with mean 1/2. The intraclass
    # correlation is 1 / (2 + 2 + 1) = 0.2, so the variance is 1 + 9 * 0.2 = 2.8 times that of 400
    # independent rows: row intervals cover 2 Phi(1.96 / sqrt(2.8)) - 1 = 76 %.
    rng = np.random.default_rng(1)
    people = np.repeat(np.arange(40), 10)
    answers = [rng.random(400) < np.repeat(rng.beta(2, 2, 40), 10) for _ in range(400)]
    # Standard error of a coverage of 0.95 over 400 samples: 0.011.
    assert 0.91 < coverage([mean(sample, people, draws=400) for sample in answers], 0.5) < 0.98
    assert 0.69 < coverage([mean(sample, draws=400) for sample in answers], 0.5) < 0.83


def test_kappa_intervals_cover():
    # Rater a says 1 with chance 0.6; b repeats a with a chance that differs by person, 0.8 on average.
    # Agreement 0.8; b says 1 with chance 0.6 * 0.8 + 0.4 * 0.2 = 0.56; by chance
    # 0.6 * 0.56 + 0.4 * 0.44 = 0.512. Kappa = 0.288 / 0.488.
    rng = np.random.default_rng(2)
    people = np.repeat(np.arange(50), 12)
    estimates = []
    for _ in range(300):
        a = rng.random(600) < 0.6
        b = a ^ (rng.random(600) >= np.repeat(rng.beta(8, 2, 50), 12))
        estimates.append(cohen_kappa(a, b, people, draws=400))
    assert 0.9 < coverage(estimates, 0.288 / 0.488) < 0.98


# --- means, ratios, proportions ---------------------------------------------------------------------


def test_weighted_mean_and_ratio_by_hand():
    # (2 * 1 + 1 * 4) / 3; the row without a value takes its weight with it.
    assert mean([1, 4, NAN], weights=[2, 1, 5]).value == pytest.approx(2)
    # (2 * 1 + 1 * 3) / (2 * 2 + 1 * 6)
    assert ratio([1, 3, 9], [2, 6, None], weights=[2, 1, 1]).value == pytest.approx(0.5)
    assert not mean([1, 2], weights=[0, 0]).defined


def test_interval_of_two_clusters_by_hand():
    # Draws of two clusters with means 0 and 1: both 0 (1/4), one each (1/2), both 1 (1/4).
    estimate = mean([0, 0, 1, 1], ["ann", "ann", "bo", "bo"], level=0.4)
    assert (estimate.value, estimate.low, estimate.high) == (0.5, 0.5, 0.5)  # 30 % and 70 % quantiles
    estimate = mean([0, 0, 1, 1], ["ann", "ann", "bo", "bo"], level=0.6)
    assert (estimate.low, estimate.high) == (0, 1)  # 20 % and 80 %


@pytest.mark.parametrize("happened", [True, False])
def test_proportion_of_rows_that_all_agree_is_not_certain(happened):
    # 30 clusters: chance p such that (1 - p)^30 = 0.025, p = 0.11570, as Clopper-Pearson gives 0 of 30.
    estimate = proportion([happened] * 90, np.arange(90) // 3)
    ends = (0, 0.11570) if not happened else (0.88430, 1)
    assert (estimate.low, estimate.high) == pytest.approx(ends, abs=5e-6)
    assert (estimate.value, estimate.n, estimate.clusters, estimate.seed) == (happened, 90, 30, None)
    assert estimate.method.startswith("Clopper-Pearson, one trial per cluster")


def test_proportion_between_is_the_mean():
    values, clusters = [1, 0, None, 1, 1, 0], ["ann", "ann", "bo", "bo", "cy", "cy"]
    assert proportion(values, clusters) == mean(values, clusters)
    assert proportion([True] * 3, ["ann"] * 3).method == "no interval: only one cluster"


# --- paired -----------------------------------------------------------------------------------------


def test_paired_difference_uses_complete_pairs_only():
    estimate = paired_difference([3, 5, None, 9], [1, 4, 2, NAN])
    assert (estimate.value, estimate.n) == (1.5, 2)


def naive_p_value(sums: list[float]) -> float:
    flips = list(itertools.product((-1, 1), repeat=len(sums)))
    totals = [abs(sum(sign * s for sign, s in zip(signs, sums, strict=True))) for signs in flips]
    return sum(total >= abs(sum(sums)) - 1e-9 for total in totals) / len(flips)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(-3, 3)), min_size=1, max_size=20))
@settings(max_examples=50)
def test_exact_p_value_equals_naive_twin(rows):
    clusters, differences = np.array(rows).T
    test = paired_test(differences, np.zeros(len(rows)), clusters, draws=1)
    sums = [float(differences[clusters == cluster].sum()) for cluster in set(clusters.tolist())]
    assert test.p_value == pytest.approx(naive_p_value(sums))
    assert test.seed is None


def test_random_flips_come_close_to_all_of_them(monkeypatch):
    rng = np.random.default_rng(0)
    a, b = rng.normal(0.5, 1, 12), rng.normal(0, 1, 12)
    exact = paired_test(a, b, draws=10, flips=4096)
    random = paired_test(a, b, draws=10, flips=4095, seed=5)
    assert exact.method == "row sign flips, two-sided, all 4096"
    assert (random.method, random.seed) == ("row sign flips, two-sided, 4095 random", 5)
    assert random.p_value == pytest.approx(exact.p_value, abs=4 * math.sqrt(0.25 / 4095))
    assert exact.estimate == paired_difference(a, b, draws=10)
    monkeypatch.setattr("populace.stats.means._BLOCK", 100)
    assert paired_test(a, b, draws=10, flips=4095, seed=5) == random


def test_whole_clusters_are_flipped():
    # Twelve rows of one person count once: +3 and two zeros. All flips have |total| 3, so p = 1.
    a, clusters = [1] * 3 + [0] * 9, [0] * 3 + [1] * 4 + [2] * 5
    assert paired_test(a, np.zeros(12), clusters).p_value == 1
    assert paired_test(a, np.zeros(12)).p_value == 0.25  # as rows: 2 of 2^3 signs of the non-zero ones


def test_random_p_value_is_never_zero_and_counts_the_observed_flip():
    # All 40 differences are +1: only 2 of 2^40 flips are as extreme, so none of 99 random ones.
    assert paired_test(np.ones(40), np.zeros(40), draws=1, flips=99).p_value == 0.01


def test_weights_weigh_in_the_p_value():
    # Differences 1, 1, -1 sum to 1: every flip has a total of 1 or 3. With weights 1, 1, 4 the total is
    # -2, and of the 4 sign patterns up to sign, (1, 1, -4), (1, 1, 4), (1, -1, 4), (-1, 1, 4), all have
    # at least 2; with 2, 1, 0 it is 3, which 2 of 4 reach (4 of 8 flips).
    assert paired_test([1, 1, 0], [0, 0, 1]).p_value == 1
    assert paired_test([1, 1, 0], [0, 0, 1], weights=[1, 1, 4]).p_value == 1
    assert paired_test([1, 1, 0], [0, 0, 1], weights=[2, 1, 0]).p_value == 0.5


def test_p_values_are_uniform_when_nothing_differs():
    rng = np.random.default_rng(3)
    samples = rng.normal(size=(300, 2, 30)) + np.repeat(rng.normal(size=(300, 1, 10)), 3, axis=2)
    clusters = np.repeat(np.arange(10), 3)
    p = np.array([paired_test(a, b, clusters, draws=1, flips=1024).p_value for a, b in samples])
    for level in 0.05, 0.2, 0.5:  # within four standard errors
        assert abs((p <= level).mean() - level) < 4 * math.sqrt(level * (1 - level) / 300)


def test_no_pairs_no_p_value():
    test = paired_test([1, None], [None, 2])
    assert math.isnan(test.p_value) and not test.estimate.defined
