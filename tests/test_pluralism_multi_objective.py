"""Fronts and their indicators: numbers by hand, the axioms of each, and moocore as oracle."""

from __future__ import annotations

import importlib
import importlib.util
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from populace.errors import DataError
from populace.pluralism import multi_objective as mo
from populace.pluralism.multi_objective._boxes import boxes_volume
from populace.pluralism.multi_objective.points import evened
from populace.pluralism.multi_objective.volume import _one_by_one
from populace.stats.crossed import crossed_mean

SHARED = Path(__file__).parent.parent.parent / "shared" / "data"
FEW = settings(max_examples=60)


def moocore():
    """Import the oracle, or skip."""
    if importlib.util.find_spec("moocore") is None:
        pytest.skip("moocore, the oracle of fronts, is not installed")
    import moocore as oracle

    return oracle


@st.composite
def sets(draw, least: int = 1, most: int = 9, objectives: int | None = None):
    """Points of few values, so that ties, duplicates and domination are common."""
    count = draw(st.integers(2, 5)) if objectives is None else objectives
    shape = (draw(st.integers(least, most)), count)
    whole = draw(arrays(np.int64, shape, elements=st.integers(0, 5)))
    return whole.astype(np.float64) / draw(st.sampled_from([1.0, 3.0]))


def naive_front(points):
    return [not any((other >= one).all() and (other > one).any() for other in points) for one in points]


def naive_volume(points):
    """Count unit cells of a grid of whole numbers."""
    axes = [np.arange(int(points[:, column].max())) for column in range(points.shape[1])]
    cells = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, points.shape[1]) + 1
    return float((points[None] >= cells[:, None]).all(axis=2).any(axis=1).sum())


# The front


@FEW
@given(sets())
def test_the_front_is_that_of_the_definition(points):
    expected = naive_front(points)
    assert mo.front(points).tolist() == expected
    assert mo.front(points[None].repeat(2, axis=0))[1].tolist() == expected
    assert mo.front(-points, "min").tolist() == expected
    assert (mo.layers(points) == 1).tolist() == expected
    assert (~mo.dominated_by(points).any(axis=1)).tolist() == expected


def test_directions_are_of_each_objective():
    # Cheap and good: (1, 5) costs 1 and is worth 5.
    points = [[1, 5], [2, 5], [2, 6]]
    assert mo.front(points, ["min", "max"]).tolist() == [True, False, True]
    with pytest.raises(DataError, match="2 objectives and 1 directions"):
        mo.front(points, ["min"])
    with pytest.raises(DataError, match="direction of objective 1 is 'up'"):
        mo.front(points, "up")  # pyright: ignore[reportArgumentType]


def test_large_sets_and_stacks_of_them():
    rng = np.random.default_rng(0)
    points = rng.random((600, 3))
    assert mo.front(points).tolist() == naive_front(points)
    assert mo.front(points[None])[0].tolist() == naive_front(points)
    assert mo.front(np.zeros((0, 2))).tolist() == [] and mo.front([1.0, 2.0]).tolist() == [True]


@pytest.mark.parametrize("bad", [[[1.0, np.nan]], [[np.inf, 1.0]], [["a", "b"]], 3.0, [[1, 2], [3]]])
def test_what_is_no_point_is_refused(bad):
    with pytest.raises(DataError):
        mo.front(bad)
    with pytest.raises(DataError):
        mo.hypervolume(bad, [0, 0])
    with pytest.raises(DataError):
        mo.igd_plus(bad, [[1, 1]])


# Hypervolume


def test_volumes_by_hand():
    assert mo.hypervolume([[3, 1], [2, 2], [1, 3]], [0, 0]) == 6.0  # columns of height 3, 2 and 1
    # A cube of 2 and a bar of 3 x 1 x 1 that share 2 x 1 x 1.
    assert mo.hypervolume([[2, 2, 2], [3, 1, 1]], [0, 0, 0]) == 9.0
    assert mo.hypervolume([[2, 2, 2, 2], [3, 1, 1, 1]], [0] * 4) == 17.0
    assert mo.hypervolume([[1, 1]], [1, 0]) == 0.0 and mo.hypervolume([], [0, 0]) == 0.0
    assert mo.hypervolume([[3.0], [2.0]], [1.0]) == 2.0
    # The same where less is better: worst is (4, 4).
    assert mo.hypervolume([[1, 3], [2, 2], [3, 1]], [4, 4], "min") == 6.0
    assert mo.contributions([[2, 2], [3, 1], [3, 1]], [0, 0]).tolist() == [2.0, 0.0, 0.0]


@FEW
@given(sets(most=6))
def test_the_volume_is_that_of_cells(points):
    points = np.round(points * 3)
    expected = naive_volume(points) if (points.max(axis=0) > 0).all() else 0.0
    assert mo.hypervolume(points, [0] * points.shape[1]) == pytest.approx(expected)


@FEW
@given(sets(most=8), st.randoms())
def test_a_point_more_is_never_less_and_a_dominated_one_is_nothing(points, random):
    reference = [-0.5] * points.shape[1]
    whole = mo.hypervolume(points, reference)
    assert mo.hypervolume(points[1:], reference) <= whole + 1e-9
    assert mo.hypervolume(points[mo.front(points)], reference) == pytest.approx(whole)
    order = random.sample(range(len(points)), len(points))
    assert mo.hypervolume(points[order], reference) == pytest.approx(whole)
    # Better points, strictly: the indicator is Pareto-compliant.
    assert mo.hypervolume(points + 0.25, reference) > whole


@FEW
@given(sets(most=7))
def test_boxes_and_one_by_one_agree(points):
    points = points + 0.5
    kept = np.unique(points[mo.front(points)], axis=0)
    assert boxes_volume(kept) == pytest.approx(_one_by_one(kept))


def test_more_boxes_than_memory_takes():
    rng = np.random.default_rng(1)
    points = rng.random((12, 5))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    assert boxes_volume(points, most=50) is None
    assert _one_by_one(points) == pytest.approx(mo.hypervolume(points, [0] * 5))


@pytest.mark.parametrize("objectives", [2, 3, 4, 5, 6])
def test_moocore_agrees(objectives):
    oracle = moocore()
    rng = np.random.default_rng(objectives)
    for round_ in range(20):
        points, others = rng.random((rng.integers(1, 25), objectives)), rng.random((9, objectives))
        if round_ % 2:
            points, others = np.ceil(points * 4) / 4, np.ceil(others * 4) / 4
        ways = ["max" if up else "min" for up in rng.integers(0, 2, objectives)]
        up = [way == "max" for way in ways]
        reference = [0.0 if each else 1.1 for each in up]
        volume = oracle.hypervolume(points, ref=reference, maximise=up)
        assert mo.hypervolume(points, reference, ways) == pytest.approx(volume, rel=1e-9)
        mask = oracle.is_nondominated(points, maximise=up, keep_weakly=True)
        assert mo.front(points, ways).tolist() == mask.tolist()
        found = mo.epsilon(points, others, directions=ways)
        assert found == pytest.approx(oracle.epsilon_additive(points, ref=others, maximise=up))
        found = mo.epsilon(points + 0.1, others + 0.1, "multiplicative", ways)
        assert found == pytest.approx(oracle.epsilon_mult(points + 0.1, ref=others + 0.1, maximise=up))
        found = mo.igd_plus(points, others, ways)
        assert found == pytest.approx(oracle.igd_plus(points, ref=others, maximise=up))
        if objectives == 2:
            found = mo.r2(points, [1, 1])
            assert found == pytest.approx(oracle.r2_exact(points, ref=[1, 1], maximise=True))


# The other indicators


@FEW
@given(sets(), sets())
def test_epsilon_and_igd_plus_obey_dominance(points, wanted):
    if points.shape[1] != wanted.shape[1]:
        return
    assert mo.epsilon(points, points) == 0.0 == mo.igd_plus(points, points)
    # A reference that is weakly dominated is reached.
    assert mo.epsilon(points + 1, points) <= 0 and mo.igd_plus(points + 1, points) == 0.0
    # A set that weakly dominates another never scores worse.
    for better in (points + 0.5, np.concatenate([points, wanted[:1]])):
        assert mo.epsilon(better, wanted) <= mo.epsilon(points, wanted) + 1e-12
        assert mo.igd_plus(better, wanted) <= mo.igd_plus(points, wanted) + 1e-12
    # In the sense of epsilon: so much better, and the reference is reached.
    needed = mo.epsilon(points, wanted)
    assert mo.epsilon(points + needed, wanted) == pytest.approx(0, abs=1e-9)


@FEW
@given(sets(objectives=2))
def test_r2_in_closed_form_is_the_limit_of_a_fine_lattice(points):
    ideal = points.max(axis=0) + 0.5
    exact = mo.r2(points, ideal)
    assert exact == pytest.approx(mo.r2(points, ideal, mo.simplex_lattice(2, 2000)), abs=2e-3)
    assert mo.r2(points + 0.25, ideal) <= exact + 1e-12
    assert mo.r2(points[mo.front(points)], ideal) == pytest.approx(exact)


def test_r2_by_hand_and_what_it_refuses():
    # Two points at (0, 2) and (2, 0): min(2 (1 - w), 2 w) has the mean 1/2.
    assert mo.r2([[2, 0], [0, 2]], [2, 2]) == pytest.approx(0.5)
    assert mo.r2([[1, 1], [0, 0]], [1, 1]) == 0.0
    with pytest.raises(DataError, match="beats the ideal"):
        mo.r2([[2, 0]], [1, 1])
    with pytest.raises(DataError, match="for two objectives"):
        mo.r2([[0, 0, 0]], [1, 1, 1])
    with pytest.raises(DataError, match="row 2: these are no weights"):
        mo.r2([[0, 0]], [1, 1], [[0.5, 0.5], [0.5, 0.6]])
    with pytest.raises(DataError, match="positive"):
        mo.epsilon([[0, 1]], [[1, 1]], "multiplicative")


def test_sparsity_of_one_point_is_not_defined_and_of_dominated_ones_not_affected():
    assert np.isnan(mo.sparsity([[1, 1], [0, 0]]))
    assert mo.sparsity([[2, 0], [1, 1], [0, 2], [0, 0], [1, 1]]) == 2.0


# Whom points serve


@FEW
@given(sets())
def test_served_shares_are_a_partition_of_the_weights(points):
    share = mo.served(points)
    distinct, first = np.unique(points, axis=0, return_index=True)
    assert share[first].sum() == pytest.approx(1) and (share >= 0).all()
    assert (share[~mo.front(points)] == 0).all()
    for row, one in enumerate(points):  # duplicates are served alike
        assert share[row] == share[(points == one).all(axis=1).nonzero()[0][0]]
    # An offset changes no order, one factor neither; a scale of one objective does.
    assert mo.served(points * 3 - 7) == pytest.approx(share, abs=1e-7)
    assert len(distinct) == len(first)


@pytest.mark.parametrize("objectives", [2, 3, 4, 5])
def test_served_shares_are_those_of_drawn_weights(objectives):
    rng = np.random.default_rng(objectives)
    points = rng.random((12, objectives))
    weights = rng.dirichlet(np.ones(objectives), 60_000)
    drawn = np.bincount((weights @ points.T).argmax(axis=1), minlength=12) / len(weights)
    assert np.abs(mo.served(points) - drawn).max() < 0.01


@pytest.mark.parametrize("objectives", [2, 3, 5, 7])
def test_served_weights_add_up_before_they_are_made_to(objectives):
    raw = importlib.import_module("populace.pluralism.multi_objective.served")._raw
    points = np.abs(np.random.default_rng(objectives).normal(size=(25, objectives)))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    assert sum(raw(points - points.mean(axis=0))) == pytest.approx(1, abs=1e-12)


def test_served_by_hand_in_three_objectives():
    # The three corners share the simplex alike; the middle of the hull serves nothing.
    assert mo.served(np.eye(3)).tolist() == pytest.approx([1 / 3] * 3)
    assert mo.served([*np.eye(3), [0.2, 0.2, 0.2]])[3] == 0.0
    assert mo.served([[1, 1], [1, 1]]).tolist() == [1.0, 1.0]
    with pytest.raises(DataError, match="8 objectives"):
        mo.served(np.ones((2, 9)))


# Scales and tables


def test_a_scale_says_what_a_weight_means():
    scale = mo.Scale.observed([[0, 10], [4, 30]], ["max", "min"])
    assert (scale.low, scale.high, scale.source) == ((0.0, 30.0), (4.0, 10.0), "observed")
    assert scale.apply([[4, 30], [2, 10]]).tolist() == [[1.0, 0.0], [0.5, 1.0]]
    with pytest.raises(DataError, match="objective 2 are both 1"):
        mo.Scale.observed([[0, 1], [1, 1]])
    with pytest.raises(DataError, match="2 worst values and 1 best"):
        mo.Scale.declared([0, 1], [2])
    with pytest.raises(DataError, match="the scale 2 objectives"):
        scale.apply([1.0])


def table(rows):
    return pl.DataFrame(rows, schema=["model", "question", "objective", "score"], orient="row")


def test_a_long_table_becomes_scores_and_errors_name_the_row():
    rows = [("a", "q", "x", "1"), ("a", "r", "x", ""), ("b", "q", "x", "3"), ("b", "r", "x", "5")]
    scores = mo.read_scores(table(rows))
    assert scores.shared().questions == ("q",) and scores.means.tolist() == [[1.0], [3.0]]
    assert scores.only(["b"]).means.tolist() == [[4.0]]
    for bad, said in (
        ([*rows, ("a", "q", "x", "2")], "row 5: a, q, x comes twice"),
        ([("a", "q", "x", "one")], "row 1, column score: 'one' is no finite number"),
        ([("a", None, "x", "1")], "row 1, column question"),
        ([], "no score in it"),
    ):
        with pytest.raises(DataError, match=said):
            mo.read_scores(table(bad) if bad else table(rows).clear())
    with pytest.raises(DataError, match="no column `score`"):
        mo.read_scores(table(rows).drop("score"))
    with pytest.raises(DataError, match="b has no score of x"):
        mo.read_scores(table([*rows[:1], ("b", "q", "x", "")])).shared()
    with pytest.raises(DataError, match="no model 'c'"):
        scores.only(["c"])
    means = mo.read_scores(table(rows[:1] + rows[2:3]).drop("question"))
    assert means.questions == () and means.shared().means.tolist() == [[1.0], [3.0]]


# Measured models


def test_an_improvement_is_claimed_of_everything_or_not_at_all():
    rng = np.random.default_rng(3)
    b = rng.normal(size=(200, 2))
    for lead, verdict in (
        ([0.5, 0.5], "improves"),
        ([-0.5, -0.5], "is improved on"),
        ([0.5, -0.5], "trades off"),
        ([0.5, 0.0], "not settled"),
    ):
        a = b + rng.normal(lead, 1.0, (200, 2))
        found = mo.improvement(a, b, draws=200)
        assert found.verdict == verdict, found
        assert found.p_value == max(found.p_values)
        assert found.least.low <= found.least.value <= found.least.high
        assert mo.dominates(a, b) == found.least
    # A loss within the margin is none.
    a = b + rng.normal([0.5, 0.0], 0.5, (200, 2))
    assert mo.improvement(a, b, margin=0.3).verdict == "improves"
    assert mo.improvement(b, b).verdict == "not settled"
    with pytest.raises(DataError, match="same rows"):
        mo.improvement(a, b[:3])
    with pytest.raises(ValueError, match="negative"):
        mo.improvement(a, b, margin=-1)


def test_the_test_of_an_improvement_holds_its_level():
    """At the worst point of the null: one objective far ahead, the other even."""
    rng, claims, held = np.random.default_rng(5), 0, 0
    for _ in range(400):
        gain = rng.normal([0.05, 0.0], 1.0, (40, 2)) + rng.normal(size=(8, 2)).repeat(5, axis=0) * 0.3
        gain[:, 0] += 3
        found = mo.improvement(gain, np.zeros((40, 2)), np.arange(40) // 5, draws=1)
        claims += found.p_value <= 0.05
        held += found.least.low <= 0 <= found.least.high
    assert claims <= 32 and held >= 372, (claims, held)  # 5 % of 400, and three standard errors


def test_a_front_knows_how_sure_it_is():
    rng = np.random.default_rng(0)
    true = np.array([[1.0, 0.0], [0.0, 1.0], [0.55, 0.45], [0.0, 0.0]])
    values = true[:, None] + rng.normal(0, 0.5, (4, 40, 2))
    found = mo.estimate_front(values, list("abcd"), ["x", "y"], reference=[0, 0], draws=400)
    often = {model.name: model.often for model in found.models}
    assert often["a"] > 0.95 < often["b"] and often["d"] == 0.0 and set(found.front) >= {"a", "b"}
    assert found.volume is not None and found.volume.low < found.volume.value < found.volume.high
    assert found.size.value == len(found.front)
    again = mo.estimate_front(values, list("abcd"), ["x", "y"], reference=[0, 0], draws=400)
    assert again == found
    whole = mo.front(values.mean(axis=1))
    assert [model.on_front for model in found.models] == whole.tolist()
    with pytest.raises(DataError, match="4 models and 2 names"):
        mo.estimate_front(values, ["a", "b"])
    # Questions of one topic are one.
    topics = mo.estimate_front(values, clusters=np.arange(40) // 10, draws=50)
    assert topics.models[0].scores[0].clusters == 4


def test_a_tie_of_means_is_none_of_their_last_digits():
    """The same scores in another order: neither dominates, and no resample of all rows says so."""
    rng = np.random.default_rng(0)
    for _ in range(60):
        one = rng.integers(0, 11, size=(20, 2)) / 10
        other = np.stack([rng.permutation(column) for column in one.T], axis=1)
        found = mo.estimate_front(np.stack([one, other]), draws=5)
        assert found.size.value == 2, found
        # One objective tied, the other better in truth: dominated as ever.
        found = mo.estimate_front(np.stack([one, other + np.array([0, 1e-9])]), draws=5)
        assert found.front == ("model 2",)
    # A lead that is rounding is none: 0.3 - 0.1 - 0.2 is not 0.
    a = np.array([[0.1 + 0.2, 0.1 + 0.2]] * 20)
    found = mo.improvement(a, np.full((20, 2), 0.3), draws=20, within=(-1, 1))
    assert found.verdict == "not settled" and found.share == found.share_reversed == 0.0
    # Runs of equals are kept whole, also in stacks and where a run begins at 0.
    stack = np.array([[[0.0, 1.0], [1e-17, 1.0 + 1e-15]], [[5.0, 2.0], [4.0, 2.0]]])
    assert mo.front(evened(stack)).tolist() == [[True, True], [True, False]]


def test_rows_that_all_agree_are_no_spread():
    """A loss of 1.9 in one row of 20, a lead of 0.1 in the others: few rows never show it."""
    rng, claims = np.random.default_rng(7), {None: 0, (-2.0, 2.0): 0}
    for _ in range(60):
        gain = np.where(rng.random((8, 2)) < [0.05, 0.0], -1.9, [0.1, 1.0])
        for within in claims:
            found = mo.improvement(gain, np.zeros((8, 2)), within=within, draws=1)
            claims[within] += found.verdict == "improves"
    assert claims == {None: 0, (-2.0, 2.0): 0}
    # By hand: of clusters that agree on 1 within (-1, 1) half might be -1; that n miss all is 2 ** -n.
    sure = mo.improvement(np.ones((10, 2)), np.zeros((10, 2)), within=(-1, 1), draws=1)
    assert sure.p_value == pytest.approx(2.0**-10, rel=1e-6) and sure.verdict == "improves"
    assert mo.improvement(np.zeros((10, 2)), np.ones((10, 2)), within=(-1, 1)).verdict == "is improved on"
    assert mo.improvement(np.ones((10, 2)), np.zeros((10, 2)), draws=1).p_value == 1.0
    # Where rows differ, the p-value is where the interval begins to hold 0, in either direction.
    lead = np.clip(rng.normal(0.2, 0.4, (40, 2)), -1, 1)
    found = mo.improvement(lead, np.zeros((40, 2)), within=(-1, 1), draws=1)
    for column, p_value in zip(lead.T, found.p_values, strict=True):
        low = crossed_mean(column, np.arange(40), within=(-1, 1), level=1 - 2 * p_value).low
        assert low == pytest.approx(0.0, abs=1e-6)
    with pytest.raises(DataError, match="outside"):
        mo.improvement(np.ones((4, 2)), -np.ones((4, 2)), within=(-1, 1))


def test_what_takes_too_long_or_is_no_single_set_is_refused():
    sphere = np.random.default_rng(0).random((41, 6))
    sphere /= np.linalg.norm(sphere, axis=1, keepdims=True)
    with pytest.raises(DataError, match="41 points of 6 objectives are on the front"):
        mo.served(sphere)
    # Only the front counts.
    behind = np.concatenate([sphere[:5], 0.01 * sphere])
    assert mo.served(behind).sum() == pytest.approx(1.0)
    for of in (mo.layers, mo.dominated_by):
        with pytest.raises(DataError, match="one set"):
            of(np.zeros((2, 2, 2)))


def test_the_fronts_of_wildbench():
    path = SHARED / "wildbench" / "score.json"
    if not path.exists():
        pytest.skip("the WildBench scores are not here")
    board = json.loads(path.read_text())
    # The categories stand in several orders in the file: they are taken by name.
    names = list(next(iter(board.values()))["task_categorized_scores"])
    points = np.array([[row["task_categorized_scores"][name] for name in names] for row in board.values()])
    share, mask = mo.served(points), mo.front(points)
    assert points.shape == (61, 5)
    assert [name for name, on in zip(board, mask, strict=True) if on] == ["Athene-70B", "gpt-4o-2024-05-13"]
    assert share[mask].tolist() == pytest.approx([0.8313, 0.1687], abs=1e-4)
    assert share[~mask].sum() == 0
