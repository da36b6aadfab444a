"""Agreement against hand-derived numbers, published examples, naive twins and other libraries."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.inter_rater import aggregate_raters, cohens_kappa, fleiss_kappa

from populace.errors import DataError
from populace.stats import (
    agreement_from_table,
    alpha_from_table,
    cohen_kappa,
    coincidence_tables,
    confusion_tables,
    gwet_ac1,
    gwet_from_table,
    kappa_from_table,
    krippendorff_alpha,
    percent_agreement,
)

NAN = float("nan")
WEIGHTS = (None, "linear", "quadratic")
METRICS = ("nominal", "ordinal", "interval")

# --- two raters -----------------------------------------------------------------------------------


def test_kappa_by_hand():
    # Rows sum to 25, 25, columns to 30, 20, n = 50. Agreement 35/50 = 0.7; by chance
    # (25 * 30 + 25 * 20) / 50^2 = 0.5. Kappa = (0.7 - 0.5) / (1 - 0.5).
    assert agreement_from_table([[20, 5], [10, 15]]) == pytest.approx(0.7)
    assert kappa_from_table([[20, 5], [10, 15]]) == pytest.approx(0.4)


def test_weighted_coefficients_by_hand():
    # n = 4, rows sum to 2, 1, 1, columns to 1, 2, 1; the two disagreements are (0, 2) and (2, 1).
    table = [[1, 0, 1], [0, 1, 0], [0, 1, 0]]
    # Linear distances 1/2 and 1. Observed (1 + 1/2) / 4 = 6/16. By chance, cell by cell,
    # (2*2/2 + 2*1 + 1*1/2 + 1*1/2 + 1*1 + 1*2/2) / 16 = 7/16. Kappa = 1 - 6/7.
    assert kappa_from_table(table, "linear") == pytest.approx(1 / 7)
    # Quadratic distances 1/4 and 1. Observed (1 + 1/4) / 4 = 5/16, by chance
    # (2*2/4 + 2*1 + 1*1/4 + 1*1/4 + 1*1 + 1*2/4) / 16 = 5/16. Kappa = 0.
    assert kappa_from_table(table, "quadratic") == pytest.approx(0)
    # AC2, linear: agreement 1 - 6/16 = 40/64. Credits sum to 3 * 1 + 4 * 1/2 = 5; mean shares are 3/8, 3/8,
    # 2/8, so sum p (1 - p) = 42/64 and chance 5 / (3 * 2) * 42/64 = 35/64. (40 - 35) / (64 - 35).
    assert agreement_from_table(table, "linear") == pytest.approx(40 / 64)
    assert gwet_from_table(table, "linear") == pytest.approx(5 / 29)


def test_gwet_by_hand_where_kappa_fails():
    # Agreement 118/125 = 0.944. Mean share of the first category 243/250 = 0.972, so by chance
    # 2 * 0.972 * 0.028 = 0.054432. AC1 = (0.944 - 0.054432) / (1 - 0.054432).
    table = [[118, 5], [2, 0]]
    assert gwet_from_table(table) == pytest.approx(0.889568 / 0.945568)
    assert kappa_from_table(table) < 0


def test_category_never_used_counts_for_gwet_and_not_for_kappa():
    a, b = ["x", "x", "y", "y"], ["x", "y", "y", "y"]
    # Agreement 3/4 = 48/64, mean shares 3/8 and 5/8, sum p (1 - p) = 30/64, divided by q - 1.
    assert gwet_ac1(a, b, categories=["x", "y"]).value == pytest.approx((48 - 30) / (64 - 30))
    assert gwet_ac1(a, b, categories=["x", "y", "z"]).value == pytest.approx((48 - 15) / (64 - 15))
    assert cohen_kappa(a, b, categories=["x", "y", "z"]).value == pytest.approx(cohen_kappa(a, b).value)


def naive_kappa(pairs: list[tuple[int, int]], weights: str | None) -> float:
    power = {None: 0, "linear": 1, "quadratic": 2}[weights]
    crossed = itertools.product((i for i, _ in pairs), (j for _, j in pairs))
    observed = [abs(i - j) ** power for i, j in pairs if i != j]
    chance = [abs(i - j) ** power for i, j in crossed if i != j]
    return 1 - sum(observed) * len(pairs) / sum(chance) if chance else NAN


def naive_gwet(pairs: list[tuple[int, int]], size: int) -> float:
    if not pairs:
        return NAN
    used = Counter(itertools.chain.from_iterable(pairs))
    shares = [used[k] / (2 * len(pairs)) for k in range(size)]
    chance = sum(share * (1 - share) for share in shares) / (size - 1)
    return (sum(i == j for i, j in pairs) / len(pairs) - chance) / (1 - chance)


ratings_of_two = st.lists(st.tuples(st.integers(-1, 3), st.integers(-1, 3)), max_size=25)


@given(ratings_of_two)
def test_two_raters_equal_naive_twins(rows):
    a, b = np.array(rows, dtype=float).reshape(-1, 2).T
    a[a < 0], b[b < 0] = NAN, NAN
    table = confusion_tables(a, b, categories=range(4)).counts.sum(axis=0)
    pairs = [(i, j) for i, j in rows if i >= 0 and j >= 0]
    assert table.sum() == len(pairs)
    for weights in WEIGHTS:
        assert kappa_from_table(table, weights) == pytest.approx(naive_kappa(pairs, weights), nan_ok=True)
    assert gwet_from_table(table) == pytest.approx(naive_gwet(pairs, 4), nan_ok=True)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=60))
@settings(max_examples=40)
def test_kappa_equals_scikit_learn_and_statsmodels(pairs):
    a, b = np.array(pairs).T
    table = confusion_tables(a, b, categories=range(4)).counts.sum(axis=0)
    if np.isnan(kappa_from_table(table)):
        return  # both of them divide zero by zero and warn
    for weights in WEIGHTS:
        ours = kappa_from_table(table, weights)
        assert ours == pytest.approx(cohen_kappa_score(a, b, labels=range(4), weights=weights))
    assert kappa_from_table(table) == pytest.approx(cohens_kappa(table, return_results=False))


def test_tables_per_cluster_are_vectorised_over_leading_axes():
    rng = np.random.default_rng(0)
    a, b, clusters = rng.integers(0, 3, (3, 400))
    tables = confusion_tables(a, b, clusters)
    kappas = kappa_from_table(tables.counts)
    assert (tables.clusters, tables.categories, kappas.shape) == ([0, 1, 2], [0, 1, 2], (3,))
    for cluster, kappa in zip(tables.clusters, kappas, strict=True):
        mine = clusters == cluster
        assert kappa == pytest.approx(cohen_kappa_score(a[mine], b[mine]))
    stacked = tables.counts.reshape(3, 1, 3, 3)
    assert kappa_from_table(stacked).shape == gwet_from_table(stacked).shape == (3, 1)
    assert alpha_from_table(stacked).shape == (3, 1)


# --- labels ---------------------------------------------------------------------------------------


def test_labels_of_every_kind_give_the_same_kappa():
    a, b = [0, 1, 1, 0, 1, 1], [0, 1, 0, 0, 1, 0]
    wanted = cohen_kappa(a, b).value
    assert wanted == pytest.approx(cohen_kappa_score(a, b))
    words = np.array(["no", "yes"])
    for kind in (np.array, lambda c: np.array(c, bool), lambda c: np.array(c, float), lambda c: words[c]):
        assert cohen_kappa(kind(a), kind(b)).value == pytest.approx(wanted)
    assert cohen_kappa(list(words[a]), np.array(words[b], dtype=object)).value == pytest.approx(wanted)
    wide = np.array(a) * 10**12  # integers too far apart to be counted
    assert cohen_kappa(wide, np.array(b) * 10**12).value == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ([1, 0, -1, 1], [1, 1, 0, -1]),
        ([1, 0, NAN, 1], [1, 1, 0, None]),
        (["y", "n", None, "y"], ["y", "y", "n", NAN]),
        (np.array(["y", "n", None, "y"], dtype=object), ["y", "y", "n", None]),
    ],
)
def test_missing_ratings_are_left_out(a, b):
    estimate = percent_agreement(a, b)
    assert (estimate.value, estimate.n, estimate.clusters) == (0.5, 2, 2)


def test_minus_one_is_a_label_once_it_is_named():
    assert percent_agreement([-1, 0, 1], [-1, 1, 1]).n == 2
    assert percent_agreement([-1, 0, 1], [-1, 1, 1], categories=[0, 1]).n == 2
    assert percent_agreement([-1, 0, 1], [-1, 1, 1], categories=[-1, 0, 1]).n == 3
    assert percent_agreement([-1.0, 0, 1], [-1.0, 1, 1]).n == 3  # numbers, not codes


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cohen_kappa([1, 2], [1]), "`b` has 1 entries and needs 2"),
        (lambda: cohen_kappa([[1, 2]], [[1, 2]]), "`a` has 2 dimensions"),
        (lambda: cohen_kappa([1, 2], [1, 2], clusters=["ann"]), "`clusters` has 1 entries"),
        (lambda: cohen_kappa([1, 2], [1, 2], clusters=["ann", None]), "`clusters` has missing"),
        (lambda: cohen_kappa([1, 2], [1, 3], categories=[1, 2]), "label 3 is not among"),
        (lambda: cohen_kappa([1, 2], [1, 2], categories=[1, 1]), "twice"),
        (lambda: cohen_kappa([-2, -1, 0], [-2, -1, 0]), "labels below -1"),
        (lambda: cohen_kappa(["lo", "hi"], ["lo", "hi"], weights="linear"), "no order of their own"),
        (lambda: cohen_kappa(["lo", "hi"], [1, 2]), "several kinds"),
        (lambda: krippendorff_alpha([1, 2]), "`ratings` has 1 dimensions"),
        (lambda: krippendorff_alpha([["lo", "hi"]], metric="ordinal"), "no order of their own"),
        (lambda: krippendorff_alpha([["lo", "hi"]], metric="interval"), "must be numbers"),
        (lambda: krippendorff_alpha([[1, 2]], metric="interval", categories=[1, 2]), "no `categories`"),
        (lambda: krippendorff_alpha([[1, math.inf]], metric="interval"), "finite"),
        (lambda: kappa_from_table([[1, 2, 3], [4, 5, 6]]), "square"),
    ],
)
def test_bad_input_is_a_typed_error(call, message):
    with pytest.raises(DataError, match=message):
        call()


def test_unknown_settings_are_refused():
    with pytest.raises(ValueError, match="weights is 'cubic'"):
        cohen_kappa([1, 2], [1, 2], weights="cubic")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="metric is 'ratio'"):
        krippendorff_alpha([[1, 2]], metric="ratio")  # type: ignore[arg-type]


@pytest.mark.parametrize("coefficient", [cohen_kappa, gwet_ac1, percent_agreement])
@pytest.mark.parametrize("weights", WEIGHTS)
def test_nothing_to_compare_is_undefined(coefficient, weights):
    for a, b in ([], []), ([1, None], [None, 1]):
        estimate = coefficient(a, b, weights=weights)
        assert not estimate.defined
        assert (estimate.n, estimate.clusters, estimate.seed) == (0, 0, None)
        assert math.isnan(estimate.low) and math.isnan(estimate.high)


def test_kappa_of_one_category_is_undefined_and_so_are_such_draws():
    assert not cohen_kappa(["yes"] * 9, ["yes"] * 9, clusters=[0, 1, 2] * 3).defined
    # Of 3 clusters one has both answers; a draw without it, (2/3)^3 = 8/27 of them, has no kappa.
    estimate = cohen_kappa([1, 0, 1, 1], [1, 0, 1, 1], clusters=["ann", "ann", "bo", "cy"], draws=2000)
    assert (estimate.value, estimate.high) == (1, 1)
    # No draw differs, which of three clusters says little.
    assert estimate.low == pytest.approx(1 - 2 * (1 - 0.025 ** (1 / 3)))
    left_out = int(estimate.method.partition(" undefined left out")[0].rpartition(" ")[2])
    assert abs(left_out - 2000 * 8 / 27) < 4 * math.sqrt(2000 * 8 / 27 * 19 / 27)


# --- Krippendorff's alpha -------------------------------------------------------------------------

# Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), section C: four observers, twelve units.
PUBLISHED = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
        [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
    ]
).T


@pytest.mark.parametrize(("metric", "alpha"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_of_the_published_example(metric, alpha):
    estimate = krippendorff_alpha(PUBLISHED, metric=metric)
    assert estimate.value == pytest.approx(alpha, abs=5e-4)
    assert (estimate.n, estimate.clusters) == (40, 11)  # the twelfth unit has a single rating
    table = coincidence_tables(PUBLISHED)
    assert alpha_from_table(table.counts.sum(axis=0), metric, table.categories) == pytest.approx(
        estimate.value
    )


def test_alpha_by_hand():
    # Section A of the same paper: 10 units, two observers; 4 units disagree, 14 zeros and 6 ones of n = 20.
    # D_o = 2 * 4 / 20 = 0.4, D_e = 2 * 14 * 6 / (20 * 19) = 168/380, alpha = 1 - 0.4 * 380 / 168 = 0.0952.
    ratings = np.array([[0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]]).T
    assert krippendorff_alpha(ratings).value == pytest.approx(1 - 152 / 168)
    assert coincidence_tables(ratings).counts.sum(axis=0).tolist() == [[10, 4], [4, 2]]


def naive_alpha(units: list[list[int]], metric: str) -> float:
    units = [unit for unit in units if len(unit) >= 2]
    pool = list(itertools.chain.from_iterable(units))
    used = Counter(pool)

    def distance(c: int, k: int) -> float:
        if metric == "nominal":
            return float(c != k)
        if metric == "interval":
            return (c - k) ** 2
        return (sum(used[g] for g in range(min(c, k), max(c, k) + 1)) - (used[c] + used[k]) / 2) ** 2

    observed = sum(
        distance(c, k) / (len(unit) - 1) for unit in units for c, k in itertools.permutations(unit, 2)
    )
    expected = sum(distance(c, k) for c, k in itertools.permutations(pool, 2))
    return 1 - (len(pool) - 1) * observed / expected if expected else NAN


@given(st.lists(st.lists(st.integers(-1, 3), min_size=3, max_size=3), max_size=12))
def test_alpha_equals_naive_twin(rows):
    ratings = np.array(rows, dtype=np.int64).reshape(-1, 3)
    units = [[rating for rating in row if rating >= 0] for row in rows]
    for metric in METRICS:
        values = np.where(ratings < 0, NAN, ratings) if metric == "interval" else ratings
        ours = krippendorff_alpha(values, metric=metric, draws=1)
        assert ours.value == pytest.approx(naive_alpha(units, metric), nan_ok=True)
        assert ours.n == sum(len(unit) for unit in units if len(unit) > 1)


@given(st.lists(st.lists(st.integers(0, 3), min_size=4, max_size=4), min_size=2, max_size=20))
@settings(max_examples=30)
def test_alpha_of_complete_ratings_follows_from_fleiss_kappa(rows):
    # Both compare with chance, alpha without replacement: 1 - alpha = (1 - kappa) (n - 1) / n.
    if len({label for row in rows for label in row}) < 2:
        return
    fleiss = fleiss_kappa(aggregate_raters(np.array(rows))[0])
    n = 4 * len(rows)
    assert krippendorff_alpha(rows, draws=1).value == pytest.approx(1 - (1 - fleiss) * (n - 1) / n)


def test_alpha_ignores_order_of_raters_units_and_blocks(monkeypatch):
    rng = np.random.default_rng(0)
    ratings = rng.integers(-1, 5, (60, 4))
    clusters = rng.integers(0, 12, 60)
    tables = coincidence_tables(ratings, clusters).counts
    shuffled = rng.permuted(ratings, axis=1)
    order = rng.permutation(60)
    monkeypatch.setattr("populace.stats.krippendorff._BLOCK", 100)  # four units at a time
    again = coincidence_tables(shuffled[order], clusters[order]).counts
    np.testing.assert_allclose(again, tables, rtol=1e-12)
    assert krippendorff_alpha(ratings, clusters, metric="ordinal").value == pytest.approx(
        naive_alpha([[r for r in row if r >= 0] for row in ratings.tolist()], "ordinal")
    )


def test_interval_alpha_of_real_numbers_is_free_of_origin_and_scale():
    rng = np.random.default_rng(0)
    ratings = rng.normal(size=(50, 1)) + rng.normal(size=(50, 3))
    ratings[rng.random(ratings.shape) < 0.2] = NAN
    plain = krippendorff_alpha(ratings, metric="interval")
    moved = krippendorff_alpha(1e6 + 0.01 * ratings, metric="interval")
    assert moved.value == pytest.approx(plain.value, rel=1e-6)
    assert (moved.low, moved.high) == pytest.approx((plain.low, plain.high), rel=1e-6)
    assert plain.low < 0.5 < plain.high  # units and raters vary alike, so half the variance is shared
    assert not krippendorff_alpha(np.full((9, 2), 0.1), metric="interval").defined


def test_interval_alpha_of_draws_all_alike_is_undefined_despite_rounding():
    # Three units, each of two equal ratings: a third squared of the draws, 1/9, hold one unit three times.
    estimate = krippendorff_alpha([[0.1, 0.1], [0.3, 0.3], [0.7, 0.7]], metric="interval")
    assert (estimate.low, estimate.high) == pytest.approx((1, 1))
    left_out = int(estimate.method.partition(" undefined left out")[0].rpartition(" ")[2])
    assert abs(left_out - 2000 / 9) < 4 * math.sqrt(2000 / 9 * 8 / 9)


def test_alpha_of_alike_ratings_is_undefined():
    for metric in METRICS:
        for ratings in [[2, 2], [2, 2]], [[1, None], [None, 2]], np.zeros((0, 2)):
            assert not krippendorff_alpha(ratings, metric=metric).defined
