"""Trade-off steering: functions, regret, monotonicity and side effects, by hand and by their axioms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from populace.errors import DataError
from populace.pluralism import multi_objective as mo
from populace.pluralism import trade_off as to

FEW = settings(max_examples=40)
UNIT = st.floats(0, 1, allow_subnormal=False)


@st.composite
def weighted(draw):
    """Outcomes in the unit cube, and weights."""
    objectives = draw(st.integers(2, 4))
    points = draw(arrays(np.float64, (draw(st.integers(2, 7)), objectives), elements=UNIT))
    raw = draw(arrays(np.float64, objectives, elements=st.floats(0, 1, allow_subnormal=False)))
    raw = raw + (raw.sum() == 0)
    weights = raw / raw.sum()
    return points, tuple((weights / weights.sum()).tolist())


# Functions


@FEW
@given(weighted(), st.sampled_from([1.0, 0.5, 0.0, -1.0, -8.0, -math.inf]))
def test_functions_rise_with_outcomes_and_p_means_with_p(drawn, p):
    points, weights = drawn
    ideal = (2.0,) * len(weights)
    for function in (to.Linear(weights), to.Chebyshev(weights, ideal), to.PMean(weights, p)):
        assert isinstance(function, to.SteeringFunction)
        values = function(points)
        assert values.shape == (len(points),)
        assert (function(points + 0.5) > values).all()
        one = points + np.eye(len(weights))[0]  # no less where one objective alone is better
        assert (function(one) >= values - 1e-12).all()
    least, most = points.min(axis=1), points.max(axis=1)
    mean = to.PMean(weights, p)(points)
    assert (mean <= most + 1e-9).all() and (mean >= least - 1e-9).all()
    assert (mean <= to.Linear(weights)(points) + 1e-9).all()  # p <= 1
    assert to.PMean(weights, 1)(points) == pytest.approx(to.Linear(weights)(points))
    assert (to.PMean(weights, p)(points * 0.5) * 2) == pytest.approx(mean, abs=1e-9)


def test_p_means_near_the_geometric_one_are_near_it():
    """(1, 4) in halves: 2 exp(p / 2 (ln 2)^2) but for p^3; with a zero they fall to 0."""
    for p in (1e-4, 1e-9, 1e-15, 1e-17, 1e-21, 1e-300):
        for signed in (p, -p):
            found = to.PMean((0.5, 0.5), signed)([[1.0, 4.0], [0.0, 4.0], [0.0, 0.0], [3.0, 3.0]])
            near = 2 * math.exp(signed / 2 * math.log(2) ** 2)
            assert found.tolist() == pytest.approx([near, 0.0, 0.0, 3.0], rel=1e-11)
    # Where the two ways of reckoning meet there is no step.
    for p in (0.01, -0.01):
        sides = [to.PMean((0.3, 0.7), p * (1 + off))([0.2, 0.9]).item() for off in (-1e-9, 1e-9)]
        assert sides[0] == pytest.approx(sides[1], rel=1e-10)


@FEW
@given(weighted())
def test_who_is_best_for_a_linear_function_is_on_the_front_and_served(drawn):
    points, weights = drawn
    values = to.Linear(weights)(points)
    best = values >= values.max() - 1e-12
    assert (best & mo.front(points)).any() or not min(weights)
    # On the convex hull: no mixture of the others has more.
    assert values.max() >= to.Linear(weights)(points.mean(axis=0)) - 1e-12


@FEW
@given(weighted())
def test_chebyshev_finds_any_point_of_the_front(drawn):
    points, _ = drawn
    points = points[mo.front(points)]
    for one in points:
        inverse = 1 / (2.0 - one)
        weights = tuple((inverse / inverse.sum()).tolist())
        function = to.Chebyshev(weights, (2.0,) * len(one))
        assert function(one) >= function(points).max() - 1e-9


def test_functions_by_hand_and_what_they_refuse():
    assert to.PMean((0.25, 0.75), -1)([1.0, 3.0]) == pytest.approx(1 / (0.25 + 0.25))
    assert to.PMean((0.5, 0.5), 0)([0.0, 4.0]) == 0.0 and to.PMean((0.5, 0.5), 0.5)([0.0, 4.0]) == 1.0
    assert to.PMean((1.0, 0.0), -math.inf)([3.0, 0.0]) == 3.0  # what has no weight does not count
    assert to.Chebyshev((1.0, 0.0), (1.0, 1.0))([1.0, -5.0]) == 0.0
    assert to.grid(3, 1) == [(0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)]
    for bad in ((0.5, 0.6), (-0.5, 1.5), (), (math.nan, 1.0)):
        with pytest.raises(DataError):
            to.Linear(bad)
    with pytest.raises(DataError, match="beats the ideal"):
        to.Chebyshev((0.5, 0.5), (1.0, 1.0))([2.0, 0.0])
    with pytest.raises(DataError, match="from 0 up"):
        to.PMean((0.5, 0.5), 0.5)([-1.0, 0.0])
    with pytest.raises(DataError, match="there are 2 weights"):
        to.Linear((0.5, 0.5))([1.0, 2.0, 3.0])
    for p in (math.nan, math.inf):
        with pytest.raises(DataError):
            to.PMean((1.0,), p)


# Scores


def steered(outcomes, divisions=4, **settings):
    """Score outcomes, in the order of the weights of a grid; others by name."""
    functions = {f"f{place}": to.Linear(w) for place, w in enumerate(to.grid(2, divisions))}
    named = {f"f{place}": outcome for place, outcome in enumerate(outcomes)}
    return to.score(named | settings.pop("others", {}), functions, **settings)


def test_scores_by_hand():
    # Weights 0/1, 1/2, 1/0; outcomes (0, 1), (.5, .5), (1, 0); another has (.9, .9).
    found = steered([[0, 1], [0.5, 0.5], [1, 0]], 2, others={"both": [0.9, 0.9]}, base="both")
    assert [each.value.value for each in found.functions] == [1.0, 0.5, 1.0]
    assert found.total.value == 2.5 and found.mean.value == pytest.approx(2.5 / 3)
    # The oracle has 1, .9, 1.
    assert [each.best_by for each in found.functions] == [("f0",), ("both",), ("f2",)]
    assert found.regret.value == pytest.approx(0.4)
    # Dealt at random, each function gets one half on average.
    assert found.shuffled.value == pytest.approx(1.5) and found.ahead_of_shuffled.value == pytest.approx(1.0)
    assert found.attained.value == pytest.approx(1.0 / 1.4)
    assert found.best_constant == ("both",) and found.constant.value == pytest.approx(2.7)
    assert found.ahead_of_constant.value == pytest.approx(-0.2)
    assert found.constants[0].ahead.value == pytest.approx(-0.2)
    # By one half and one half all three steered are alike: half of a tie each.
    assert [each.rank.value for each in found.functions] == [1.0, 0.5, 1.0] and found.own_best.value == 1.0
    # (.5, .5) is half way between the ends; at an end it would be at 0.
    assert found.between.value == pytest.approx(1.0)
    assert steered([[0, 1], [1, 0], [1, 0]], 2).between.value == 0.0
    assert not steered([[0, 1], [1, 0]], 1).between.defined
    rise = found.monotonicity[0]
    assert (rise.violated.value, rise.tau.value, rise.gap.value, rise.gain.value) == (0, 1, 0, 1)
    # Of f0 the first was not asked for, of f2 the second: both fell from .9 to 0.
    assert [(each.function, each.change.value) for each in found.side_effects] == [("f0", -0.9), ("f2", -0.9)]
    assert found.side_effect.value == pytest.approx(0.9)
    assert math.isnan(found.total.low) and found.total.method == "no interval: one vector an outcome"


def test_who_ignores_the_weight_and_who_does_the_opposite():
    deaf = steered([[0.5, 0.5]] * 5)
    assert deaf.rank.value == 0.5 and deaf.monotonicity[0].tied == 1.0 and deaf.attained.defined is False
    assert deaf.regret.value == 0.0 and deaf.ahead_of_shuffled.value == pytest.approx(0)
    contrary = steered([[x, 1 - x] for x in np.linspace(1, 0, 5)])
    assert contrary.rank.value == pytest.approx(0.2) and contrary.attained.value < 0
    assert contrary.monotonicity[0].violated.value == 1.0 and contrary.monotonicity[0].tau.value == -1.0
    assert contrary.monotonicity[0].gain.value == -1.0


@FEW
@given(weighted(), st.data())
def test_regret_is_never_negative_and_never_less_with_more_rivals(drawn, data):
    points, _ = drawn
    count, objectives = points.shape
    rows = [data.draw(weighted())[1] for _ in range(count)]
    functions = {}
    for place, row in enumerate(rows):
        weights = tuple(row[:objectives])
        if len(weights) < objectives or abs(sum(weights) - 1) > 1e-12:
            weights = (1.0, *([0.0] * (objectives - 1)))
        functions[f"f{place}"] = to.PMean(weights, 0.5)
    outcomes = {f"f{place}": point for place, point in enumerate(points)}
    found = to.score(outcomes, functions)
    assert all(each.regret.value >= 0 for each in found.functions)
    assert found.total.value + found.regret.value == pytest.approx(sum(e.best.value for e in found.functions))
    more = to.score({**outcomes, "ideal": np.ones(objectives)}, functions)
    assert more.regret.value >= found.regret.value - 1e-12
    assert more.constant.value >= found.constant.value - 1e-12
    # The oracle is at least as good as any one model for all.
    assert more.total.value + more.regret.value >= more.constant.value - 1e-12


@FEW
@given(arrays(np.float64, st.integers(1, 8), elements=UNIT), st.data())
def test_isotonic_fits_rise_and_are_the_nearest(values, data):
    weights = np.arange(len(values), dtype=float)
    fit = to.isotonic(values, weights)
    assert (np.diff(fit) >= -1e-12).all() and fit.mean() == pytest.approx(values.mean())
    assert to.isotonic(np.sort(values), weights) == pytest.approx(np.sort(values))
    other = np.sort(data.draw(arrays(np.float64, len(values), elements=UNIT)))
    assert ((values - fit) ** 2).sum() <= ((values - other) ** 2).sum() + 1e-9


def test_only_weights_of_one_family_are_compared():
    functions = {
        "a": to.Linear((0.0, 1.0)),
        "b": to.PMean((1.0, 0.0), 0.0),
        "c": to.PMean((0.5, 0.5), 0.0),
    }
    found = to.score({"a": [9, 0], "b": [1, 1], "c": [0, 1]}, functions)
    assert [each.pairs for each in found.monotonicity] == [1, 1]
    assert found.monotonicity[0].violated.value == 0.0
    one = to.score({"a": [9, 0]}, {"a": to.Linear((0.0, 1.0))})
    assert one.monotonicity == () and not one.rank.defined


def rows_of(rng, true, questions, noise):
    """Rows around true outcomes; what a question adds to all of them is shared."""
    shared = rng.normal(0, noise, (1, questions, true.shape[1]))
    return true[:, None] + shared + rng.normal(0, noise, (len(true), questions, true.shape[1]))


def test_intervals_hold_what_was_planted():
    rng, held = np.random.default_rng(2), {"total": 0, "ahead_of_shuffled": 0, "gain": 0}
    at = np.linspace(0, 1, 5)
    true = np.stack([at, 1 - at**2], axis=1)
    planted = sum(w * x + (1 - w) * y for w, (x, y) in zip(at, true, strict=True))
    shuffled = sum(w * true[:, 0].mean() + (1 - w) * true[:, 1].mean() for w in at)
    for seed in range(100):
        found = steered(list(rows_of(rng, true, 40, 0.3)), seed=seed, draws=300)
        for name, value in (("total", planted), ("ahead_of_shuffled", planted - shuffled)):
            estimate = getattr(found, name)
            held[name] += estimate.low <= value <= estimate.high
        gain = found.monotonicity[0].gain
        held["gain"] += gain.low <= 1.0 <= gain.high
    assert all(count >= 87 for count in held.values()), held


def test_scores_that_no_function_values_are_found_whatever_is_drawn():
    """Means lie within the ideal, a question's score does not: a resample of it alone would be beyond."""
    rows = np.array([[0.5, 0.5]] * 30 + [[1.2, 0.4]])
    outcomes = {"x": np.full((31, 2), 0.5), "y": rows}
    for function, said in (
        (
            to.Chebyshev((0.5, 0.5), ideal=(1.0, 1.0)),
            "y has 1.2, 0.4, which x cannot value .an outcome beats the ideal",
        ),
        (to.PMean((0.5, 0.5), 0.0), "from 0 up"),
    ):
        given = outcomes if "Cheb" in function.name else {**outcomes, "y": 0.9 - rows}
        with pytest.raises(DataError, match=said) as caught:
            to.score(given, {"x": function}, draws=1)
        assert caught.value.row == 31
    # Where nothing weighs on what is beyond, nothing is.
    to.score(outcomes, {"x": to.Chebyshev((0.0, 1.0), ideal=(1.0, 1.0))}, draws=1)


def test_held_out_regret_is_too_low_and_that_with_hindsight_too_high():
    """The best is ahead by 0.02 in truth, and half of the questions do not always find it."""
    rng, plain, held = np.random.default_rng(9), [], []
    for _ in range(80):
        true = np.array([0.5, 0.52, 0.47, 0.47, 0.47])
        drawn = np.stack([rng.normal(true, 0.2, (40, 5)).T, np.full((5, 40), 0.5)], axis=2)
        outcomes = {f"m{at}": rows for at, rows in enumerate(drawn)}
        found = to.score(outcomes, {"m0": to.Linear((1.0, 0.0))}, draws=2)
        plain.append(found.regret.value)
        held.append(found.regret_held_out.value)
    assert np.mean(held) + np.std(held) / 9 < 0.02 < np.mean(plain) - np.std(plain) / 9


def test_the_oracle_with_hindsight_is_too_good_and_the_held_out_one_is_not():
    """All outcomes alike in truth: the regret is 0, and no pick of an oracle is wrong."""
    rng, plain, held = np.random.default_rng(4), [], []
    for _ in range(60):
        found = steered(list(rng.normal(0.5, 0.3, (5, 20, 2))), draws=20)
        plain.append(found.regret.value)
        held.append(found.regret_held_out.value)
    error = np.std(held) / math.sqrt(len(held))
    assert abs(np.mean(held)) < 3 * error and np.mean(plain) > 5 * error


def test_the_same_rows_give_the_same_numbers_and_clusters_count():
    rng = np.random.default_rng(0)
    rows = list(rng.random((5, 12, 2)))
    assert repr(steered(rows, draws=50)) == repr(steered(rows, draws=50))
    found = steered(rows, draws=50, clusters=np.arange(12) // 4)
    assert found.total.clusters == 3 and not found.regret_held_out.defined
    assert "question bootstrap" in found.method


def test_a_scale_settles_what_weights_mean():
    outcomes = [[0.0, 10.0], [100.0, 0.0]]
    scale = mo.Scale.declared([0, 0], [100, 10])
    assert steered(outcomes, 1).total.value == 110.0
    found = steered(outcomes, 1, scale=scale, objectives=["length", "taste"])
    assert found.total.value == 2.0 and found.scale == "declared" and found.objectives[0] == "length"


def test_what_does_not_fit_is_refused():
    line = {"f": to.Linear((0.5, 0.5))}
    for outcomes, functions, said in (
        ({}, line, "no outcome of 'f'"),
        ({"f": [1, 2]}, {}, "no steering functions"),
        ({"f": [1, 2, 3]}, line, "2 weights and there are 3"),
        ({"f": [1, 2], "g": [[1, 2], [3, 4]]}, line, "same questions"),
        ({"f": [1, math.nan]}, line, "no finite number"),
        ({"f": [1, 2]}, [to.Linear((0.5, 0.5))] * 2, "one name"),
    ):
        with pytest.raises(DataError, match=said):
            to.score(outcomes, functions)
    with pytest.raises(DataError, match="no outcome 'plain'"):
        to.score({"f": [1, 2]}, line, base="plain")
    with pytest.raises(DataError, match="2 objectives and 1 names"):
        to.score({"f": [1, 2]}, line, objectives=["x"])
    with pytest.raises(DataError, match="needs \\(1,\\)"):
        to.score({"f": [1, 2]}, line, clusters=[1, 2])


def test_ends_that_cannot_be_told_apart_have_no_between():
    # One outcome for all weights, and noise: nothing lies between the ends, near as they are.
    rng = np.random.default_rng(3)
    noise = 0.5 + rng.normal(0, 0.1, (5, 40, 2))
    functions = {f"f{n}": to.Linear((n / 4, 1 - n / 4)) for n in range(5)}

    def found(rows, others=functions):
        return to.score({f"f{n}": each for n, each in enumerate(rows)}, others, draws=300).between

    assert not found(noise).defined and "undefined" in found(noise).method
    apart = noise + np.linspace(0, 0.4, 5)[:, None, None] * np.array([1, -1])
    assert found(apart).value > 0.5
    # A second family has the same ends: they are one end each, and noise between them is no distance.
    extreme = apart[[0, 0, 0, 4, 4]]
    twice = np.maximum(np.concatenate([extreme, extreme + rng.normal(0, 0.002, extreme.shape)]), 0)
    more = functions | {f"f{5 + n}": to.PMean((n / 4, 1 - n / 4), 0.0) for n in range(5)}
    assert found(twice, more).value < 0.05
