"""Leaderboards: groups against a naive twin, by hand, error rate and rank coverage by simulation."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from populace.errors import DataError
from populace.stats import holm, mean, paired_test, rank_models
from populace.stats._cliques import letters_of, maximal_cliques
from populace.stats._pairwise import step_down


def naive_cliques(tied):
    nodes = range(len(tied))
    sets = [
        set(s)
        for size in range(1, len(tied) + 1)
        for s in itertools.combinations(nodes, size)
        if all(tied[i, j] for i, j in itertools.combinations(s, 2))
    ]
    return sorted(tuple(sorted(s)) for s in sets if not any(s < other for other in sets))


@given(st.integers(1, 7), st.data())
@settings(deadline=None)
def test_cliques_equal_the_naive_twin(size, data):
    tied = np.ones((size, size), dtype=bool)
    for i, j in itertools.combinations(range(size), 2):
        tied[i, j] = tied[j, i] = data.draw(st.booleans())
    groups = maximal_cliques(tied)
    assert groups == naive_cliques(tied)
    letters = letters_of(groups, size)
    for i, j in itertools.combinations(range(size), 2):  # what a letter display promises
        assert bool(set(letters[i]) & set(letters[j])) == tied[i, j]


def test_many_groups_run_past_z():
    letters = letters_of([(place,) for place in range(28)], 28)
    assert letters[25:] == ["z", "aa", "ab"]
    assert letters_of([(0,)] * 27, 1)[0].split() == [*"abcdefghijklmnopqrstuvwxyz", "aa"]


def test_by_hand():
    # Ten rows. ash beats cob on all: 2 of 2^10 flips as extreme, p = 1/512, times 3 = 3/512. ash and bay
    # differ in one row: p = 1. bay beats cob on nine: 2 of 2^9 by size, p = 1/256, times 2 = 1/128.
    scores = np.array([[1, 1, 0]] * 9 + [[1, 0, 0]])
    found = rank_models(scores, names=["ash", "bay", "cob"])
    pairs = {(pair.a, pair.b): pair for pair in found.pairs}
    assert pairs["ash", "cob"].p_value == pytest.approx(1 / 512)
    assert pairs["ash", "cob"].p_holm == pytest.approx(3 / 512)
    assert pairs["bay", "cob"].p_value == pytest.approx(1 / 256)
    assert pairs["bay", "cob"].p_holm == pytest.approx(2 / 256)
    assert pairs["ash", "bay"].p_value == 1
    assert found.groups == (("ash", "bay"), ("cob",))
    assert [model.letters for model in found.models] == ["a", "a", "b"]
    assert [(m.rank.value, m.rank.low, m.rank.high) for m in found.models] == [
        (1, 1, 2),
        (2, 1, 2),
        (3, 3, 3),
    ]


def planted(rng, quality, personas=40, each=10):
    taste = rng.normal(size=(personas, 1)).repeat(each, axis=0)
    chance = 1 / (1 + np.exp(-(np.asarray(quality) + taste)))
    return (rng.random(chance.shape) < chance).astype(float), np.repeat(np.arange(personas), each)


def test_agrees_with_single_tests():
    rng = np.random.default_rng(1)
    scores, clusters = planted(rng, [0.0, 0.3, 1.5])
    scores += rng.normal(size=scores.shape)  # no two clusters alike, so that the draws are the same
    found = rank_models(scores, clusters, draws=300, seed=5)
    for pair in found.pairs:
        a, b = scores[:, int(pair.a)], scores[:, int(pair.b)]
        single = paired_test(a, b, clusters, draws=300, seed=5)
        assert pair.difference.value == pytest.approx(single.estimate.value)
        assert pair.difference.low == pytest.approx(single.estimate.low)
        assert pair.p_value == pytest.approx(single.p_value, abs=0.02)  # other random flips
    np.testing.assert_allclose([p.p_holm for p in found.pairs], holm([p.p_value for p in found.pairs]))
    best = found.models[0]
    own = mean(scores[:, int(best.name)], clusters, draws=300, seed=5)
    assert (best.score.value, best.score.low) == (pytest.approx(own.value), pytest.approx(own.low))


@pytest.mark.parametrize("control", ["holm", "max-t"])
def test_groups_ranks_and_pairs_tell_one_story(control):
    scores, clusters = planted(np.random.default_rng(2), [0, 0.2, 0.4, 1.0, 2.5])
    found = rank_models(scores, clusters, control=control, draws=500)
    letters = {model.name: set(model.letters) for model in found.models}
    assert any(pair.apart for pair in found.pairs)
    assert not all(pair.apart for pair in found.pairs)
    for pair in found.pairs:
        assert pair.apart == (not letters[pair.a] & letters[pair.b])
        assert not pair.apart or pair.difference.value > 0
    for model in found.models:
        above = sum(pair.apart for pair in found.pairs if pair.b == model.name)
        below = sum(pair.apart for pair in found.pairs if pair.a == model.name)
        assert (model.rank.low, model.rank.high) == (1 + above, 5 - below)
        assert model.rank.low <= model.rank.value <= model.rank.high
    values = [model.score.value for model in found.models]
    assert values == sorted(values, reverse=True)


@pytest.mark.parametrize("control", ["holm", "max-t"])
def test_ranks_hold_together_and_equal_models_are_rarely_told_apart(control):
    rng = np.random.default_rng(11)
    quality = np.array([0.0, 0.0, 0.0, 1.0])
    # With ties a true rank is any from 1 + (better) to M - (worse).
    true = [(2, 4)] * 3 + [(1, 1)]
    wrong = 0
    for seed in range(80):
        scores, clusters = planted(rng, quality, personas=30, each=4)
        found = rank_models(scores, clusters, control=control, flips=499, draws=300, seed=seed)
        ranks = {int(m.name): (m.rank.low, m.rank.high) for m in found.models}
        # A wrong claim pushes an interval off some rank that the model truly has.
        wrong += any(
            low > lowest or high < highest
            for (low, high), (lowest, highest) in ((ranks[m], true[m]) for m in range(4))
        )
    assert wrong <= 0.12 * 80  # 5 % and three standard errors


@pytest.mark.parametrize("seed", range(40))
def test_max_t_step_down_by_naive_loop(seed):
    rng = np.random.default_rng(seed)
    value = rng.normal(size=4) * 3
    replicates = value + rng.normal(size=(60, 4)) * [1, 1, 0.5, 1]
    spread = replicates.std(axis=0, ddof=1)
    claims = {(p, s) for p in range(4) for s in (1, -1)}
    while True:
        noise = [max(s * (row[p] - value[p]) / spread[p] for p, s in claims) for row in replicates]
        bar = np.quantile(noise, 0.95, method="higher")
        out = {(p, s) for p, s in claims if s * value[p] / spread[p] > bar}
        if not out:
            break
        claims -= out
    naive = [len({(p, 1), (p, -1)} & claims) < 2 for p in range(4)]
    assert step_down(value, replicates, 0.05).tolist() == naive


def test_no_p_value_is_smaller_than_the_flips_can_say():
    scores = np.array([[1.0, 0.0]] * 40)
    assert rank_models(scores, flips=99, draws=20).pairs[0].p_value == pytest.approx(1 / 100)


def test_shared_rows_decide_where_models_miss_different_ones():
    nan = np.nan
    scores = np.array([[0, 1]] * 12 + [[1, nan]] * 50 + [[nan, 0]] * 50)
    found = rank_models(scores, names=["lucky", "good"], draws=50)
    assert [model.name for model in found.models] == ["lucky", "good"]  # by their own rows
    assert found.pairs[0].difference.value == -1
    assert found.pairs[0].p_value == pytest.approx(2 / 2**12, abs=0.001)
    assert found.models[1].rank.high == 1


def test_few_clusters_never_tell_apart():
    scores = np.array([[1.0, 0.0]] * 50)
    for control in "holm", "max-t":
        found = rank_models(scores, np.repeat(np.arange(5), 10), control=control)
        assert found.groups == (("0", "1"),)  # two of 2^5 flips: p = 0.0625
        assert found.pairs[0].p_value == pytest.approx(2 / 32)
    assert rank_models(scores, np.repeat(np.arange(10), 5), control="max-t").groups == (("0",), ("1",))


def test_the_record_says_when_nothing_could_have_been_found():
    scores, clusters = planted(np.random.default_rng(4), np.zeros(8), personas=30, each=2)
    found = rank_models(scores, clusters, flips=199, draws=20)  # 28 pairs * 1 / 200 = 0.14
    assert "it takes more flips" in found.method
    assert "it takes" not in rank_models(scores, clusters, flips=999, draws=20).method
    assert "it takes more clusters" in rank_models(scores[:10], clusters[:10], draws=20).method


def test_identical_models_missing_scores_and_single_models():
    scores, clusters = planted(np.random.default_rng(3), [0.0, 1.0])
    found = rank_models(np.column_stack([scores[:, 0], scores[:, 0]]), clusters, control="max-t")
    assert found.groups == (("0", "1"),)
    assert [model.rank.value for model in found.models] == [1, 1]
    nothing = rank_models(np.column_stack([scores, np.full(len(scores), np.nan)]), clusters)
    assert nothing.models[-1].name == "2"
    assert not nothing.models[-1].score.defined
    assert np.isnan(nothing.models[-1].rank.value)
    assert not any(pair.apart for pair in nothing.pairs if "2" in (pair.a, pair.b))
    halves = scores.copy()
    halves[::2, 0] = np.nan
    pair = rank_models(halves, clusters).pairs[0]
    assert pair.difference.n == len(scores) // 2
    alone = rank_models(scores[:, :1], clusters)
    assert alone.groups == (("0",),)
    assert (alone.models[0].rank.low, alone.models[0].rank.high) == (1, 1)


def test_same_seed_same_record_and_bad_input():
    scores, clusters = planted(np.random.default_rng(3), [0.0, 1.0, 1.1])
    assert rank_models(scores, clusters, seed=2) == rank_models(scores, clusters, seed=2)
    for bad in ([1.0, 2.0], [[np.inf, 1.0]], [["x", "y"]], np.zeros((3, 0))):
        with pytest.raises(DataError):
            rank_models(bad)
    with pytest.raises(DataError, match="twice"):
        rank_models([[1.0, 2.0]], names=["a", "a"])
    with pytest.raises(ValueError, match="control"):
        rank_models([[1.0, 2.0]], control="tukey")
