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
