"""Matrices of agreement: equal to single pairs and to scikit-learn, by group, with gaps and odd shapes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from populace.errors import DataError
from populace.stats import agreement_matrix, cohen_kappa, gwet_ac1, percent_agreement

NAN = float("nan")


def judged(rng, raters=4, personas=30, each=20, size=3):
    truth = rng.integers(size, size=personas * each)
    lapse = rng.random((len(truth), raters)) < np.linspace(0.1, 0.5, raters)
    ratings = np.where(lapse, rng.integers(size, size=lapse.shape), truth[:, None])
    return ratings, rng.permutation(np.repeat(np.arange(personas), each))


@pytest.mark.parametrize("weights", [None, "linear", "quadratic"])
def test_pairs_equal_the_single_functions(weights):
    ratings, clusters = judged(np.random.default_rng(0))
    found = agreement_matrix(ratings, clusters, weights=weights, draws=200, seed=3)
    assert [(pair.a, pair.b) for pair in found.pairs] == [
        ("0", "1"),
        ("0", "2"),
        ("0", "3"),
        ("1", "2"),
        ("1", "3"),
        ("2", "3"),
    ]
    for pair in found.pairs:
        a, b = ratings[:, int(pair.a)], ratings[:, int(pair.b)]
        for name, single in (("kappa", cohen_kappa), ("gwet", gwet_ac1), ("percent", percent_agreement)):
            one = single(a, b, clusters, weights=weights, draws=200, seed=3)
            many = getattr(pair, name)
            assert many.value == pytest.approx(one.value)
            assert (many.low, many.high) == (pytest.approx(one.low), pytest.approx(one.high))
            assert (many.n, many.clusters, many.method, many.seed) == (
                one.n,
                one.clusters,
                one.method,
                one.seed,
            )
        assert pair.kappa.value == pytest.approx(cohen_kappa_score(a, b, weights=weights))


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_groups_and_gaps_equal_subsets(seed):
    rng = np.random.default_rng(seed)
    ratings = rng.integers(-1, 3, size=(60, 3)).astype(float)
    ratings[ratings < 0] = NAN
    groups = rng.choice(["x", "y", None], size=60)
    clusters = rng.integers(8, size=60)
    found = agreement_matrix(ratings, clusters, groups=groups, categories=[0, 1, 2], draws=20)
    assert found.groups == ("x", "y")
    for pair in found.pairs:
        rows = groups == pair.group
        a, b = ratings[rows, int(pair.a)], ratings[rows, int(pair.b)]
        one = cohen_kappa(a, b, clusters[rows], categories=[0, 1, 2], draws=20)
        assert pair.kappa.value == pytest.approx(one.value, nan_ok=True)
        assert (pair.kappa.n, pair.kappa.clusters) == (one.n, one.clusters)
        ac1 = gwet_ac1(a, b, categories=[0, 1, 2], draws=20)
        assert pair.gwet.value == pytest.approx(ac1.value, nan_ok=True)


def test_by_hand_with_a_rare_category():
    # 118 + 0 of 125 agree; first category 123 + 120 of 250 = 0.972 (kappa -0.023, AC1 0.941).
    ratings = [[1, 1]] * 118 + [[1, 0]] * 5 + [[0, 1]] * 2
    pair = agreement_matrix(ratings).pairs[0]
    assert pair.percent.value == pytest.approx(0.944)
    assert pair.prevalence == pytest.approx(243 / 250)
    assert pair.kappa.value < 0
    assert pair.gwet.value > 0.94
    assert pair.kappa.clusters == 125


def test_matrix_is_symmetric_and_named():
    ratings, clusters = judged(np.random.default_rng(1), raters=3)
    groups = clusters % 2
    found = agreement_matrix(ratings, clusters, raters=["gpt", "me", "you"], groups=groups, draws=20)
    for measure in ("kappa", "gwet", "percent"):
        table = found.matrix(measure, group=1)
        assert np.array_equal(table, table.T)
        assert np.array_equal(np.diag(table), np.ones(3))
    rows = groups == 1
    assert found.matrix(group=1)[0, 2] == pytest.approx(cohen_kappa_score(ratings[rows, 0], ratings[rows, 2]))
    with pytest.raises(DataError, match="no group"):
        found.matrix(group=2)


def test_memory_does_not_change_the_numbers(monkeypatch):
    ratings, clusters = judged(np.random.default_rng(2))
    whole = agreement_matrix(ratings, clusters, draws=50)
    monkeypatch.setattr("populace.stats.matrices._HELD", 1)  # a pair at a time
    assert agreement_matrix(ratings, clusters, draws=50) == whole


def test_order_of_rows_and_names_of_clusters_do_not_matter():
    rng = np.random.default_rng(3)
    ratings, clusters = judged(rng)
    order = rng.permutation(len(ratings))
    names = np.array([f"p{cluster:02d}" for cluster in clusters])
    assert agreement_matrix(ratings, clusters, draws=50) == agreement_matrix(
        ratings[order], names[order], draws=50
    )


def test_odd_shapes_are_undefined_and_not_errors():
    one = agreement_matrix([["y", "y"], ["n", "y"]], ["p", "p"]).pairs[0]
    assert one.percent.value == 0.5
    assert one.percent.method == "no interval: only one cluster"
    assert math.isnan(one.percent.low)
    same = agreement_matrix([["y", "y"], ["y", "y"]], categories=["y", "n"], draws=20).pairs[0]
    assert math.isnan(same.kappa.value)
    assert same.gwet.value == same.percent.value == 1
    nothing = agreement_matrix([[None, "y"], ["n", None]]).pairs[0]
    assert nothing.kappa.n == 0
    assert math.isnan(nothing.prevalence)
    empty = agreement_matrix(np.zeros((0, 2)))
    assert not empty.pairs[0].percent.defined


def test_bad_input():
    with pytest.raises(DataError, match="two raters"):
        agreement_matrix([[1], [2]])
    with pytest.raises(DataError, match="dimensions"):
        agreement_matrix([1, 2])
    with pytest.raises(DataError, match="twice"):
        agreement_matrix([[1, 2]], raters=["a", "a"])
    with pytest.raises(DataError, match="names for"):
        agreement_matrix([[1, 2]], raters=["a"])
    with pytest.raises(DataError, match="no order"):
        agreement_matrix([["a", "b"]], weights="linear")
    with pytest.raises(ValueError, match="level"):
        agreement_matrix([[1, 2]], level=0)


def test_raters_who_always_agree_are_not_certain():
    said = np.tile([0, 1, 0, 0], 10)
    people = np.repeat(np.arange(10), 4)
    (pair,) = agreement_matrix(np.stack([said, said], 1), people, draws=200).pairs
    # None of ten clusters apart excludes more than 1 - 0.025^(1/10).
    apart = 1 - 0.025**0.1
    for single, one, wide in (
        (percent_agreement(said, said, people, draws=200), pair.percent, 1),
        (cohen_kappa(said, said, people, draws=200), pair.kappa, 2),
        (gwet_ac1(said, said, people, draws=200), pair.gwet, 2),
    ):
        assert single == one and (one.value, one.high) == (1.0, 1.0)
        assert one.low == pytest.approx(1 - wide * apart) and "10 trials" in one.method
    # Alike clusters of another value: what differs may lie on either side.
    other = np.tile([0, 1, 0, 1], 10)
    found = percent_agreement(said, other, people, draws=200)
    assert (found.low, found.high) == (pytest.approx(0.75 - 0.75 * apart), pytest.approx(0.75 + 0.25 * apart))


def test_near_perfect_agreement_is_held():
    """The percentile interval has no width in three of ten such samples, and held in 0.69."""
    held = 0
    for seed in range(150):
        rng = np.random.default_rng(seed)
        one = rng.random(120) < 0.6
        other = one ^ (rng.random(120) > 0.99)
        found = percent_agreement(one, other, np.arange(120) % 60, draws=200, seed=seed)
        held += found.low <= 0.99 <= found.high
    assert held / 150 >= 0.93
