"""Scalings come back where they were planted, on predictions of the held out; reliability by hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from populace.errors import DataError
from populace.opinions import NONE, Inputs, Item, Opinions, individual_scores, plant_world, split
from populace.opinions.calibration import Calibrated, reliability_table
from populace.opinions.predictors.shares import Population
from populace.opinions.scaling import Scaling, fit_scaling
from populace.stats.reliability import reliability, wilson


def _softmax(opinions, odds):
    return Scaling(np.ones(odds.shape[1]), np.zeros(odds.shape[1]), opinions.starts, opinions.sizes).apply(
        np.exp(odds)
    )


@pytest.fixture(scope="module")
def planted():
    return plant_world(30, noise=0.0, seed=4).people(900, seed=1)


@pytest.mark.parametrize("per", ["pooled", "item"])
def test_a_planted_temperature_comes_back(planted, per):
    opinions = planted.opinions
    sharp = _softmax(opinions, 2.5 * np.log(planted.truth))
    rng = np.random.default_rng(0)
    found = fit_scaling(opinions, sharp, opinions.answered, per=per, rng=rng)
    assert found.slopes.mean() == pytest.approx(0.4, abs=0.03)
    assert np.abs(found.apply(sharp) - planted.truth).mean() < 0.02
    assert (not found.offsets.any() and np.ptp(found.slopes) == 0) or per == "item"


def test_a_planted_liking_for_a_place_comes_back(planted):
    opinions = planted.opinions
    first = np.zeros(opinions.starts[-1])
    first[opinions.starts[:-1]] = 1.5  # every item's first option is liked too well
    table = _softmax(opinions, np.log(planted.truth) + first)
    rng = np.random.default_rng(0)
    found = fit_scaling(opinions, table, opinions.answered, kind="vector", rng=rng)
    none = fit_scaling(opinions, table, opinions.answered, rng=rng)
    away = [np.abs(each.apply(table) - planted.truth).mean() for each in (found, none)]
    assert away[0] < 0.02 < away[1]
    # Shared by items of the same size, whose first option it lowers against the others.
    for item, start in enumerate(opinions.starts[:-1]):
        part = found.offsets[start : start + opinions.sizes[item]]
        assert part[0] - part[1:].mean() == pytest.approx(-1.5, abs=0.4)


def test_what_is_calibrated_stays(planted):
    opinions = planted.opinions
    rng = np.random.default_rng(0)
    for kind in ("temperature", "vector"):
        found = fit_scaling(opinions, planted.truth, opinions.answered, kind=kind, per="item", rng=rng)
        assert np.abs(found.apply(planted.truth) - planted.truth).mean() < 0.015


@dataclass(frozen=True)
class _Memory:
    """Knows by heart whom it was fitted on, and is sure of them."""

    name: str = "memory"

    def fit(self, train: Opinions, inputs: Inputs) -> _Learned:
        return _Learned(train, train.shares(prior=1.0))


@dataclass(frozen=True)
class _Learned:
    train: Opinions
    shares: np.ndarray

    def predict(self, people: pl.DataFrame, known: np.ndarray) -> np.ndarray:
        place = {name: row for row, name in enumerate(self.train.people["person_id"])}
        table = _softmax(self.train, np.tile(3 * np.log(self.shares), (people.height, 1)))
        for row, name in enumerate(people["person_id"]):
            if name in place:
                table[row] = self.train.one_hot(self.train.answers[[place[name]]])[0]
        return table


def test_calibration_is_learned_from_the_left_out(planted):
    opinions = planted.opinions
    parts = split(opinions, test=300, asked=0.3)
    train, people = opinions.take(parts.train), opinions.people[parts.test]
    nothing = Inputs()
    known = parts.known(opinions, 0)
    raw = _Memory().fit(train, nothing).predict(people, known)
    mended = Calibrated(_Memory()).fit(train, nothing)
    # On its own respondents it is sure and right: fitted there, it would be made surer still.
    assert mended.scaling.slopes[0] == pytest.approx(1 / 3, abs=0.06)
    scores = individual_scores(
        opinions,
        parts,
        {"raw": raw, "mended": mended.predict(people, known)},
        against=["raw"],
        measures=["log score", "calibration error"],
    ).filter(pl.col("against") == "raw")
    gain, error = scores["low"][0], scores["high"][1]
    assert gain > 0 and error < 0
    assert Calibrated(_Memory(), "vector", "item").name == "memory, vector (item)"


def test_the_same_seed_gives_the_same(planted):
    train = planted.opinions.take(np.arange(200))
    one, two = (Calibrated(Population(), per="item", seed=3).fit(train, Inputs(known=3)) for _ in range(2))
    assert np.array_equal(one.scaling.slopes, two.scaling.slopes)
    with pytest.raises(DataError, match="cannot be cut"):
        Calibrated(Population(), folds=201).fit(train, Inputs())


class _Copier(_Memory):
    """Says what the person said to the next item, where that is known, if not loudly."""

    def fit(self, train: Opinions, inputs: Inputs) -> _Copied:
        return _Copied(train, train.shares(prior=1.0))


class _Copied(_Learned):
    def predict(self, people: pl.DataFrame, known: np.ndarray) -> np.ndarray:
        table = np.tile(self.shares, (people.height, 1))
        for item in range(0, len(self.train.items) - 1, 2):
            rows = np.flatnonzero(known[:, item + 1] != NONE)
            part = slice(self.train.starts[item], self.train.starts[item + 1])
            table[rows, part] = 0.1
            table[rows, self.train.starts[item] + known[rows, item + 1]] = 0.7
            table[rows, part] /= table[rows, part].sum(axis=1, keepdims=True)
        return table


@pytest.mark.parametrize("known", [None, 10])
def test_twins_are_hidden_in_the_folds(planted, known):
    one = planted.opinions.only(["q0"])
    items = tuple(Item(name=f"{name}{k}", options=one.items[0].options) for k in range(10) for name in "ab")
    rng = np.random.default_rng(0)
    # Each pair of items gets the same answer, which nothing else tells.
    size = one.items[0].size
    chances = 0.4 ** np.arange(size) / (0.4 ** np.arange(size)).sum()
    codes = np.repeat(rng.choice(size, (900, 10), p=chances), 2, axis=1).astype(np.int16)
    opinions = Opinions(one.people, items, codes)
    pairs = np.kron(np.eye(10), [[0, 1], [1, 0]]).astype(bool)
    told, hidden = (
        Calibrated(_Copier(), per="item", folds=2, pairs=each).fit(opinions, Inputs(known=known)).scaling
        for each in (None, pairs)
    )
    # The copier is right wherever it may copy, so there it is made surer; where it may not, it is left alone.
    assert told.slopes[opinions.starts[0]] > 1.05
    assert hidden.slopes[opinions.starts[0]] == pytest.approx(1.0, abs=0.2)
    assert hidden.slopes[opinions.starts[0]] < told.slopes[opinions.starts[0]]


def test_refusals_stay_and_teach_nothing(planted):
    opinions = planted.opinions
    table = planted.truth.copy()
    table[:450] = np.nan
    rng = np.random.default_rng(0)
    found = fit_scaling(opinions, table, opinions.answered, rng=rng)
    half = fit_scaling(opinions.take(np.arange(450, 900)), table[450:], opinions.answered[450:], rng=rng)
    assert found.slopes[0] == pytest.approx(half.slopes[0], rel=0.05)
    assert np.isnan(found.apply(table)[:450]).all() and not np.isnan(found.apply(table)[450:]).any()
    with pytest.raises(DataError, match="do not fit"):
        fit_scaling(opinions, table[:, :-1], opinions.answered, rng=rng)


def test_reliability_by_hand():
    rows = reliability([0.05, 0.72, 0.78, 1.0, np.nan], [0, 1, 0, 1, 1], weights=[1, 3, 1, 2, 5], bins=10)
    assert [(row.start, row.end, row.n) for row in rows] == [(0.0, 0.1, 1), (0.7, 0.8, 2), (0.9, 1.0, 1)]
    middle = rows[1]
    assert middle.said == pytest.approx((3 * 0.72 + 0.78) / 4) and middle.happened == 0.75
    assert [row.share for row in rows] == pytest.approx([1 / 7, 4 / 7, 2 / 7])
    # Two rows, of weight 3 and 1: residuals 3 * 0.25 and -0.75, variance 2 * (0.75^2 + 0.75^2) / 16.
    assert middle.trials == pytest.approx(0.75 * 0.25 / (2 * 2 * 0.75**2 / 16))


def test_intervals_know_clusters():
    rng = np.random.default_rng(0)
    p, truth = np.full(2000, 0.6), np.repeat(rng.random(200) < 0.6, 10).astype(float)
    (alone,) = reliability(p, truth)
    (together,) = reliability(p, truth, np.repeat(np.arange(200), 10))
    assert alone.trials == pytest.approx(2000, rel=0.01) and together.trials == pytest.approx(200, rel=0.02)
    assert wilson(together.happened, 200) == pytest.approx((together.low, together.high), abs=1e-3)
    (sure,) = reliability(np.full(20, 0.95), np.ones(20), np.repeat([0, 1], 10))
    assert sure.trials == pytest.approx(2) and sure.low < 0.4


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 30), st.integers(1, 30), st.floats(0.5, 0.99))
def test_wilson_solves_its_equation(hits, misses, level):
    from scipy.stats import norm

    trials = hits + misses
    z = norm.ppf((1 + level) / 2)
    for end in wilson(hits / trials, trials, level):
        if 0 < end < 1:
            assert (hits / trials - end) ** 2 == pytest.approx(
                z**2 * end * (1 - end) / trials, rel=1e-6, abs=1e-12
            )


def test_a_table_for_a_diagram(planted):
    opinions = planted.opinions
    parts = split(opinions, test=400, asked=0.5)
    truth = planted.truth[parts.test]
    sharp = _softmax(opinions, 3 * np.log(truth))
    rows = reliability_table(opinions, parts, {"truth": truth, "sharp": sharp}, of="options")
    inside = rows.with_columns(hit=(pl.col("low") <= pl.col("said")) & (pl.col("said") <= pl.col("high")))
    hits = dict(inside.group_by("predictor").agg(pl.col("hit").mean()).iter_rows())
    assert hits["truth"] >= 0.7 and hits["sharp"] <= 0.3
    assert rows.filter(predictor="truth")["n"].sum() == int((parts.asked * opinions.sizes).sum())
    best = reliability_table(opinions, parts, {"sharp": sharp})
    assert best["n"].sum() == parts.asked.sum() and best["said"].to_numpy().min() >= 0.2
    gone = reliability_table(opinions, parts, {"none": np.full_like(sharp, np.nan)})
    assert gone.is_empty()
