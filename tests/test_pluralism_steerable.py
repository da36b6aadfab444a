"""Steerability: every score by hand, its axioms as properties, its intervals as coverage."""

from __future__ import annotations

import math
import warnings

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from populace.errors import DataError
from populace.pluralism import steerable as sb

LABELS = st.sampled_from(["support", "oppose", "either"])


# Accuracy


def test_three_accuracies_by_hand():
    # support: 3 of 4 right; oppose: 1 of 2; either: 0 of 1. Answers: 4 support, 2 oppose, 1 none.
    gold = ["support"] * 4 + ["oppose"] * 2 + ["either"]
    said = ["support", "support", "support", "oppose", "oppose", "support", None]
    assert sb.accuracy(gold, said).value == pytest.approx(4 / 7)
    assert sb.accuracy(gold, said, missing="left out").value == pytest.approx(4 / 6)
    assert sb.accuracy(gold, said, kind="balanced").value == pytest.approx((3 / 4 + 1 / 2 + 0) / 3)
    # F1: 6 / 8, 2 / 4, 0 / 1.
    assert sb.accuracy(gold, said, kind="macro_f1").value == pytest.approx((6 / 8 + 2 / 4 + 0) / 3)
    assert sb.f1_by_label(gold, said) == {"either": 0.0, "oppose": 0.5, "support": 0.75}


@settings(max_examples=40)
@given(st.lists(st.tuples(LABELS, LABELS), min_size=3, max_size=40))
def test_accuracies_are_those_of_scikit_learn(rows):
    metrics = pytest.importorskip("sklearn.metrics")
    gold, said = zip(*rows, strict=True)
    ours = [sb.accuracy(gold, said, kind=kind).value for kind in ("plain", "balanced", "macro_f1")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of labels that were answered and never asked for
        theirs = [
            metrics.accuracy_score(gold, said),
            metrics.balanced_accuracy_score(gold, said),
            metrics.f1_score(gold, said, average="macro"),
        ]
    assert ours == pytest.approx(theirs)


@settings(max_examples=40)
@given(st.lists(st.tuples(LABELS, LABELS), min_size=6, max_size=30), st.randoms(use_true_random=False))
def test_accuracies_do_not_know_the_order_of_rows_nor_the_names_of_labels(rows, random):
    shuffled = list(rows)
    random.shuffle(shuffled)
    name = {"support": "z", "oppose": "a", "either": "m"}
    for kind in ("plain", "balanced", "macro_f1"):
        values = [
            sb.accuracy(*zip(*some, strict=True), kind=kind).value
            for some in (rows, shuffled, [(name[g], name[a]) for g, a in rows])
        ]
        assert values == pytest.approx([values[0]] * 3)


def test_the_commonest_label_is_worth_one_over_k_when_balanced():
    gold = ["yes"] * 90 + ["no"] * 10
    assert sb.accuracy(gold, ["yes"] * 100).value == 0.9
    assert sb.accuracy(gold, ["yes"] * 100, kind="balanced").value == 0.5


@pytest.mark.parametrize("kind", ["plain", "balanced", "macro_f1"])
def test_intervals_of_accuracies_hold_where_questions_are_shared(kind):
    rng, held = np.random.default_rng(3), 0
    labels = np.array(["a", "b", "c"])

    def sample(attributes: int, questions: int) -> tuple[np.ndarray, ...]:
        gold = rng.choice(3, (attributes, questions), p=[0.5, 0.3, 0.2])
        hard = rng.uniform(0.4, 0.9, questions)
        said = np.where(rng.random(gold.shape) < hard, gold, rng.choice(3, gold.shape))
        where = np.indices(gold.shape)
        return labels[gold].ravel(), labels[said].ravel(), where[0].ravel(), where[1].ravel()

    big = sample(2000, 300)
    truth = sb.accuracy(big[0].tolist(), big[1].tolist(), kind=kind).value
    for _ in range(150):
        gold, said, who, what = sample(20, 30)
        found = sb.accuracy(gold.tolist(), said.tolist(), attributes=who, questions=what, kind=kind)
        held += found.low <= truth <= found.high
    assert held >= 135


@pytest.mark.parametrize("sizes", [(60, 57, 3), (60, 59, 1)])
def test_intervals_hold_where_a_label_is_rare(sizes):
    """Each label is right with 0.7, so the mean recall is 0.7, whatever the rows; one label has few."""
    rng, held = np.random.default_rng(1), 0
    gold = np.repeat([0, 1, 2], sizes)
    labels = np.array(["a", "b", "c"])
    for _ in range(60):
        said = np.where(rng.random(len(gold)) < 0.7, gold, (gold + rng.integers(1, 3, len(gold))) % 3)
        found = sb.accuracy(labels[gold].tolist(), labels[said].tolist(), kind="balanced")
        held += found.low <= 0.7 <= found.high
        assert found.low >= 0 and found.high <= 1
    assert held >= 54
    sure = sb.accuracy(labels[gold].tolist(), labels[gold].tolist(), kind="balanced")
    assert sure.value == 1 == sure.high and sure.low < 0.9 and "wider for a label" in sure.method


@pytest.mark.parametrize("kind", ["balanced", "macro_f1"])
def test_linear_terms_are_derivatives(kind):
    """A row that weighs a thousandth more moves the value by its linear term."""
    from populace.pluralism.steerable.accuracy import _balanced, _macro

    rng = np.random.default_rng(1)
    truth, said = rng.integers(0, 3, 25), rng.integers(-1, 3, 25)
    made = {"balanced": _balanced, "macro_f1": _macro}[kind]
    _, moved = made(truth, said, 3)
    assert moved.sum() == pytest.approx(0, abs=1e-12)
    for row in range(25):
        copies = np.full(25, 1000)
        copies[row] += 1
        more, _ = made(np.repeat(truth, copies), np.repeat(said, copies), 3)
        assert (more - made(truth, said, 3)[0]) * 1000 == pytest.approx(moved[row], abs=2e-4)


def test_accuracy_refuses_what_means_nothing():
    with pytest.raises(DataError, match="row 2, column answers: 'maybe' is no label"):
        sb.accuracy(["yes", "no"], ["yes", "maybe"], labels=["yes", "no"])
    with pytest.raises(DataError, match="2 gold labels, and 1 answers"):
        sb.accuracy(["yes", "no"], ["yes"])
    with pytest.raises(ValueError, match="kind is 'weighted'"):
        sb.accuracy(["yes"], ["yes"], kind="weighted")
    assert not sb.accuracy([], []).defined and not sb.accuracy([None], ["a"], kind="macro_f1").defined


# The Wasserstein index


def numeric(one, other, points: int = 20_001) -> float:
    from scipy.stats import beta

    x = np.linspace(0, 1, points)
    return float(np.trapezoid(np.abs(beta.cdf(x, *one) - beta.cdf(x, *other)), x))


PARAMETER = st.floats(1, 60)


@settings(max_examples=40)
@given(PARAMETER, PARAMETER, PARAMETER, PARAMETER)
def test_the_distance_is_the_area_between_distribution_functions(a, b, c, d):
    assert sb.beta_distance([a, b], [c, d]).item() == pytest.approx(numeric((a, b), (c, d)), abs=2e-4)


@given(PARAMETER, PARAMETER, PARAMETER, PARAMETER, PARAMETER, PARAMETER)
def test_the_distance_is_a_metric(a, b, c, d, e, f):
    p, q, r = [a, b], [c, d], [e, f]
    assert sb.beta_distance(p, q) == pytest.approx(sb.beta_distance(q, p), abs=1e-9)
    assert sb.beta_distance(p, p).item() == pytest.approx(0, abs=1e-12)
    assert sb.beta_distance(p, r) <= sb.beta_distance(p, q) + sb.beta_distance(q, r) + 1e-9
    # Never less than the distance of the means, and mirrored it is the same.
    assert sb.beta_distance(p, q) >= abs(a / (a + b) - c / (c + d)) - 1e-12
    assert sb.beta_distance(p[::-1], q[::-1]) == pytest.approx(sb.beta_distance(p, q), abs=1e-9)


def released(base, steered, top, bottom) -> float:
    """The index as the released code has it: 200 values of distribution functions, taken for samples."""
    from scipy.stats import beta, wasserstein_distance

    x = np.linspace(0, 1, 200)
    f = {
        name: beta.cdf(x, *p) for name, p in locals().items() if name in ("base", "steered", "top", "bottom")
    }
    moved = wasserstein_distance(f["base"], f["top"]) - wasserstein_distance(f["steered"], f["top"])
    return moved / wasserstein_distance(f["top"], f["bottom"])


def test_the_released_code_is_199_200ths_of_the_area_which_cancels():
    from scipy.stats import beta, wasserstein_distance

    x = np.linspace(0, 1, 200)
    one, other = (25.5, 5.5), (5.5, 25.5)
    theirs = wasserstein_distance(beta.cdf(x, *one), beta.cdf(x, *other))
    # 200 values at 199 gaps; the ends, where both functions are equal, add nothing to either sum.
    assert theirs == pytest.approx(
        199 / 200 * np.trapezoid(np.abs(beta.cdf(x, *one) - beta.cdf(x, *other)), x)
    )
    assert theirs == pytest.approx(199 / 200 * sb.beta_distance(one, other).item(), rel=1e-6)
    for steered in ((20.5, 10.5), (30.5, 0.5), (10.5, 20.5)):
        base, top, bottom = (15.5, 15.5), (30.5, 0.5), (0.5, 30.5)
        table = counted([("d", None, 0, 15, 15), ("d", "positive", 5, steered[0] - 0.5, steered[1] - 0.5)])
        assert sb.indices(table)["index"][0] == pytest.approx(released(base, steered, top, bottom), abs=2e-3)


def counted(rows) -> pl.DataFrame:
    names = ["dimension", "direction", "budget", "for", "against"]
    types = {"for": pl.Float64, "against": pl.Float64, "direction": pl.String}
    return pl.DataFrame(rows, schema=names, orient="row", schema_overrides=types)


def test_the_index_by_hand():
    rows = [("d", None, 0, 10, 10)]
    rows += [("d", way, 1, 10, 10) for way in ("positive", "negative")]  # no move
    rows += [("d", "positive", 5, 20, 0), ("d", "negative", 5, 0, 20)]  # to the end
    rows += [("d", "positive", 9, 0, 20), ("d", "negative", 9, 20, 0)]  # to the other end
    table = counted(rows)
    # The base lies in the middle: half of the range is all there is to go, and half can be lost.
    assert sb.indices(table)["index"].to_list() == pytest.approx([0, 0, 0.5, 0.5, -0.5, -0.5])
    whole = sb.indices(table, scale="share of the way")["index"].to_list()
    assert whole == pytest.approx([0, 0, 1, 1, -1, -1])
    curve = sb.curves(table)
    assert curve["budget"].to_list() == [1, 5, 9] * 2
    assert curve.filter(direction="positive")["value"].to_list() == pytest.approx([0, 0.5, -0.5])
    assert sb.index(table, budget=5).value == pytest.approx(0.5)


@settings(max_examples=30)
@given(st.integers(0, 20), st.integers(0, 20))
def test_the_index_grows_with_every_answer_that_is_turned(base, steered):
    turned = [
        sb.indices(counted([("d", None, 0, base, 20 - base), ("d", "positive", 1, k, 20 - k)]))["index"][0]
        for k in (steered, min(steered + 1, 20))
    ]
    assert turned[0] <= turned[1] + 1e-12 and -1 <= turned[0] <= 1
    mirrored = counted([("d", None, 0, 20 - base, base), ("d", "negative", 1, 20 - steered, steered)])
    assert sb.indices(mirrored)["index"][0] == pytest.approx(turned[0])


@settings(max_examples=30)
@given(st.integers(1, 40), st.data(), st.floats(0.1, 3), st.floats(0.1, 3))
def test_the_index_is_the_change_of_a_share_where_all_answered(n, data, alpha, beta):
    base, steered = data.draw(st.integers(0, n)), data.draw(st.integers(0, n))
    rows = [("d", None, 0, base, n - base)]
    rows += [("d", way, 1, steered, n - steered) for way in ("positive", "negative")]
    found = sb.indices(counted(rows), prior=(alpha, beta))["index"].to_list()
    assert found == pytest.approx([(steered - base) / n, (base - steered) / n], abs=1e-9)


def test_refusals_leave_less_than_the_share():
    # Ten of ten answered in the base, two of ten when steered, both for: a posterior of two says less.
    table = counted([("d", None, 0, 5, 5), ("d", "positive", 1, 2, 0)])
    # Means: 5.5 / 11 before, 2.5 / 3 after, ends 10.5 / 11 and 0.5 / 11.
    assert sb.indices(table)["index"][0] == pytest.approx((2.5 / 3 - 0.5) / (10 / 11))
    assert sb.indices(table)["answered"][0] == pytest.approx(0.2)
    # Who refuses everything gains half of the range by the formula: the share answered says why.
    mute = sb.indices(counted([("d", None, 0, 0, 10), ("d", "positive", 1, 0, 0)]))
    assert mute["index"][0] == pytest.approx(0.5) and mute["answered"][0] == 0


def test_bad_tables_of_answers_are_named():
    with pytest.raises(DataError, match="column against: this column is missing"):
        sb.indices(pl.DataFrame({"dimension": ["d"], "direction": [""], "budget": [0], "for": [1]}))
    with pytest.raises(DataError, match="row 2, column for: a count is missing or below zero"):
        sb.indices(counted([("d", None, 0, 1, 1), ("d", "positive", 1, -1, 1)]))
    with pytest.raises(DataError, match="d has no base"):
        sb.indices(counted([("d", "positive", 1, 1, 1)]))
    with pytest.raises(DataError, match="d has two bases"):
        sb.indices(counted([("d", None, 0, 1, 1)] * 2 + [("d", "positive", 1, 1, 1)]))
    with pytest.raises(DataError, match="'up' is no direction"):
        sb.indices(counted([("d", None, 0, 1, 1), ("d", "up", 1, 1, 1)]))
    with pytest.raises(DataError, match="there is no budget 3"):
        sb.index(counted([("d", None, 0, 1, 1), ("d", "positive", 1, 1, 1)]), budget=3)
    with pytest.raises(DataError, match="alpha and beta, both above zero"):
        sb.beta_distance([0, 1], [1, 1])
    end = counted([("d", None, 0, 5, 0), ("d", "positive", 1, 5, 0)])
    assert sb.indices(end, scale="share of the way")["index"].to_list() == [None]


# Goals

VECTOR = st.lists(st.floats(-10, 10), min_size=3, max_size=3)


def test_decomposition_by_hand():
    # Asked 4 along x. Went: nowhere; exactly; 6 along (too far); 3 up; nothing asked and 2 sideways; nothing.
    before = np.zeros((6, 2))
    target = np.array([[4, 0]] * 4 + [[0, 0]] * 2)
    after = np.array([[0, 0], [4, 0], [6, 0], [0, 3], [2, 0], [0, 0]])
    found = sb.decompose(before, target, after)
    assert found.rows["error"].to_list() == [4, 0, 2, 5, 2, 0]
    assert found.rows["miscalibration"].to_list() == [1, 0, 0.5, 1, None, None]
    assert found.rows["overshoot"].to_list() == [-1, 0, 0.5, -1, None, None]
    assert found.rows["orthogonality"].to_list() == [0, 0, 0, 1, 1, 0]
    assert found.rows["side_effect"].to_list() == [0, 0, 0, 3, 2, 0]
    assert (found.nothing_asked, found.nothing_moved) == (2, 2)
    assert found.miscalibration.value == 0.625 and found.miscalibration.n == 4
    assert found.orthogonality.value == pytest.approx(2 / 6) and found.error.value == pytest.approx(13 / 6)


@given(VECTOR, VECTOR, VECTOR, st.floats(0, 6))
def test_error_is_split_by_pythagoras_and_no_axis_is_special(before, target, after, angle):
    table = [np.array([each]) for each in (before, target, after)]
    row = sb.decompose(*table).rows.row(0, named=True)
    along = (row["miscalibration"] or 0.0) * row["asked"]
    assert row["error"] ** 2 == pytest.approx(along**2 + row["side_effect"] ** 2, abs=1e-6)
    assert 0 <= row["orthogonality"] <= 1
    turn = np.array(
        [[math.cos(angle), -math.sin(angle), 0], [math.sin(angle), math.cos(angle), 0], [0, 0, 1]]
    )
    turned = sb.decompose(*(each @ turn.T + 1.5 for each in table)).rows.row(0, named=True)
    assert turned["error"] == pytest.approx(row["error"], abs=1e-6)
    assert turned["side_effect"] == pytest.approx(row["side_effect"], abs=1e-6)


def test_decomposition_refuses_other_shapes_and_holes():
    with pytest.raises(DataError, match="`after` has the shape"):
        sb.decompose([[0, 0]], [[1, 0]], [[0, 0, 0]])
    with pytest.raises(DataError, match="row 2: `target` holds a number that is missing"):
        sb.decompose([[0.0], [0.0]], [[1.0], [np.nan]], [[0.0], [0.0]])


# Ranks


def test_ranks_by_hand_and_as_pandas_ranks_them():
    # Rows are systems. Own tests: .9 best of its row, second in its column; .6 worst of its row, best of its
    # column; .8 tied best in both.
    table = np.array([[0.9, 0.5, 0.2], [0.95, 0.6, 0.8], [0.8, 0.1, 0.8]])
    found = sb.ranks(table, rows="systems")
    assert found.by_test == pytest.approx((1, 1 / 3, 1)) and found.by_system == pytest.approx((2 / 3, 1, 1))
    mean = sb.ranks(table, rows="systems", ties="mean")
    assert mean.by_test == pytest.approx((1, 1 / 3, 2.5 / 3)) and mean.by_system[2] == pytest.approx(2.5 / 3)
    assert sb.ranks(table, rows="systems", ties="min").by_system[2] == pytest.approx(2 / 3)
    # Margins: .9 - .875, .6 - .3, .8 - .5.
    assert found.margin.value == pytest.approx((0.025 + 0.3 + 0.3) / 3)
    pandas = pytest.importorskip("pandas")
    ranked = [
        np.diag(pandas.DataFrame(table).rank(axis=axis, pct=True, method="max").to_numpy()) for axis in (1, 0)
    ]
    assert found.by_test == pytest.approx(ranked[0]) and found.by_system == pytest.approx(ranked[1])


@given(st.lists(st.lists(st.integers(0, 4), min_size=4, max_size=4), min_size=4, max_size=4))
def test_a_transposed_matrix_gives_the_ranks_exchanged(rows):
    table = np.array(rows) / 4
    one, other = sb.ranks(table, rows="systems"), sb.ranks(table.T, rows="tests")
    assert one == other
    exchanged = sb.ranks(table, rows="tests")
    assert one.by_test == exchanged.by_system and one.by_system == exchanged.by_test
    # Ranks know nothing but the order.
    assert sb.ranks(table**2 * 7 + 1, rows="systems").by_test == one.by_test


def test_who_does_not_listen_is_the_best_by_max_and_average_by_mean():
    deaf = np.tile([0.9, 0.5, 0.7, 0.2], (4, 1))
    found = {ties: sb.ranks(deaf, rows="systems", ties=ties) for ties in ("max", "mean", "min")}
    assert found["max"].among_systems.value == 1.0
    assert found["mean"].among_systems.value == found["mean"].chance == 0.625
    assert found["min"].among_systems.value == 0.25 and found["max"].margin.value == pytest.approx(0)


def test_missing_tests_and_bad_matrices():
    found = sb.ranks([[0.9, np.nan], [0.1, np.nan]], rows="systems")
    assert found.by_system[0] == 1.0 and np.isnan(found.by_test[0]) and np.isnan(found.by_system[1])
    with pytest.raises(DataError, match="no diagonal"):
        sb.ranks([[1, 2]], rows="systems")
    with pytest.raises(TypeError):
        sb.ranks([[1.0]])
    with pytest.raises(ValueError, match="must be `systems` or `tests`"):
        sb.ranks([[1.0]], rows="columns")


# Inequity


def test_inequity_by_hand():
    hits = [1] * 8 + [0] * 2 + [1] * 4 + [0] * 6
    found = sb.inequity(hits, ["a"] * 10 + ["b"] * 10)
    # 0.8 and 0.4: mean 0.6, s.d. 0.2 * sqrt 2; sampling adds (0.16 + 0.24) / 10 / 2 to the variance.
    assert found.spread_raw == pytest.approx(0.2 * math.sqrt(2)) and found.worst_gap_raw == pytest.approx(0.2)
    assert found.worst == ("b",) and found.groups == {"a": 0.8, "b": 0.4}
    assert found.spread.value == pytest.approx(math.sqrt(0.08 - 0.02), abs=0.006)


def test_groups_served_alike_show_no_spread_on_average_and_intervals_hold():
    rng = np.random.default_rng(5)
    for spread in (0.0, 0.15):
        raw, found, held, gaps = [], [], 0, 0
        for seed in range(80):
            truth = 0.6 + spread * np.array([-1, -0.5, 0, 0.5, 1]) / np.std([-1, -0.5, 0, 0.5, 1], ddof=1)
            hard = rng.normal(0, 0.15, 40)
            p = np.clip(truth[:, None] + hard, 0, 1)
            hits = rng.random(p.shape) < p
            who, what = np.indices(p.shape)
            made = sb.inequity(hits.ravel(), who.ravel(), what.ravel(), draws=300, seed=seed)
            raw.append(made.spread_raw**2)
            found.append(made.spread.value**2)
            real = np.std(truth, ddof=1)
            held += made.spread.low <= real + 1e-9 and made.spread.high >= real - 1e-9
            gaps += made.worst_gap.low <= truth.mean() - truth.min() + 1e-9 <= made.worst_gap.high + 2e-9
        assert held >= 70 and gaps >= 66, (spread, held, gaps)
        assert np.mean(raw) > spread**2 + 0.003
        assert abs(np.mean(found) - spread**2) < 0.004


def test_inequity_where_there_is_nothing_to_compare():
    alone = sb.inequity([1, 0], ["a", "a"])
    assert not alone.spread.defined and alone.worst == ("a",)
    assert not sb.inequity([1, 0], ["a", "b"], ["q", "q"]).spread.defined
    with pytest.raises(DataError, match="row 2: a group or cluster is missing"):
        sb.inequity([1, 0], ["a", None])


# Caricature


def test_caricature_by_hand():
    human = np.tile([[0.4, 0.6], [0.6, 0.4]], (4, 1, 1))
    same = sb.caricature(human, human)
    assert same.exaggeration.value == pytest.approx(1) and same.slope.value == pytest.approx(1)
    # Between groups people vary by 2 * 0.01, within by 0.48: 4 % of 0.5.
    assert same.between_share_human.value == pytest.approx(0.04) and same.within.value == pytest.approx(1)
    turned = sb.caricature(human, human[:, ::-1])
    assert turned.exaggeration.value == pytest.approx(1) and turned.slope.value == pytest.approx(-1)
    flat = sb.caricature(human, np.full(human.shape, 0.5))
    assert flat.exaggeration.value == 0 and flat.slope.value == 0 and flat.within.value > 1
    total = same.between_share_human.value * 0.5 + 0.48
    assert total == pytest.approx(0.5)


def test_sampling_does_not_make_people_differ():
    """Groups of one truth, 20 people each: as counted they differ, less what sampling adds they do not."""
    rng, seen, left = np.random.default_rng(7), [], []
    for _ in range(300):
        drawn = rng.multinomial(20, [0.5, 0.3, 0.2], size=(10, 4))
        counts = np.full((10, 4), 20)
        seen.append(sb.caricature(drawn, drawn).between_share_human.value)
        left.append(sb.caricature(drawn, drawn, counts=counts).between_share_human.value)
    assert np.mean(seen) > 0.03
    assert abs(np.nanmean([0.0 if math.isnan(each) else each for each in left])) < 0.003


def test_caricature_is_undefined_where_people_do_not_differ():
    same = np.tile([[0.5, 0.5], [0.5, 0.5]], (3, 1, 1))
    assert not sb.caricature(same, same).exaggeration.defined
    with pytest.raises(DataError, match="one group differs from none"):
        sb.caricature(same[:, :1], same[:, :1])
    with pytest.raises(DataError, match="one respondent has no spread"):
        sb.caricature(same, same, counts=np.ones((3, 2)))


# Collapse


def test_collapse_by_hand():
    before, after = [[0.8, 0.6], [0.8, 0.6], [0.5, 0.5]], [[0.9, 0.2], [0.1, 0.9], [0.9, 0.1]]
    found = sb.collapse(before, after, [0, 1, 0])
    assert found.towards.value == pytest.approx((0.1 + 0.3 + 0.4) / 3)
    assert found.others.value == pytest.approx((0.4 + 0.7 + 0.4) / 3)
    assert found.coverage_before.value == pytest.approx((0.7 + 0.7 + 0.5) / 3)
    # Only the second row was led by another view than the user's; the third by none.
    assert found.flips.value == 1 and found.flips.n == 1 and found.undecided == 1
    effective = sb.collapse(before, after, [0, 1, 0], coverage="effective")
    assert effective.coverage_before.high <= 1 and effective.loss.value > 0


@given(st.lists(st.floats(0.01, 1), min_size=2, max_size=5))
def test_effective_coverage_lies_between_one_view_and_all(shares):
    table, views = np.array([shares]), len(shares)
    only = np.eye(views)[:1]
    found = sb.collapse(table, only, [0], coverage="effective")
    assert 1 / views - 1e-12 <= found.coverage_before.value <= 1
    assert found.coverage_after.value == pytest.approx(1 / views)
    assert sb.collapse(table, table, [0], coverage="effective").loss.value == 0


def test_a_hit_lies_between_0_and_1():
    with pytest.raises(DataError, match="row 2: a hit is 5"):
        sb.inequity([1, 5, 0, 1], ["a", "a", "b", "b"])


def test_collapse_refuses_what_does_not_fit():
    with pytest.raises(DataError, match="there is no view"):
        sb.collapse(np.zeros((0, 0)), np.zeros((0, 0)), np.zeros(0, dtype=int))
    with pytest.raises(DataError, match="row 1: a revealed view is none"):
        sb.collapse([[0.5, 0.5]], [[0.5, 0.5]], [2])
    with pytest.raises(DataError, match="row 1: a revealed view is none"):
        sb.collapse([[0.5, np.nan]], [[0.5, np.nan]], [1])
    with pytest.raises(DataError, match="outside 0 to 1"):
        sb.collapse([[5, 0]], [[0, 0]], [0])
    with pytest.raises(DataError, match="before or after alone"):
        sb.collapse([[0.5, np.nan]], [[0.5, 0.5]], [0])
    with pytest.raises(ValueError, match="without a threshold"):
        sb.collapse([[1, 0]], [[1, 0]], [0], coverage="effective", threshold=0.5)


# Contexts


def test_the_best_of_noisy_contexts_is_too_good_and_held_out_it_is_not():
    rng, published, held = np.random.default_rng(9), [], []
    for seed in range(60):
        scores = np.clip(rng.normal(0.6, 0.2, (20, 5, 3)), 0, 1)
        found = sb.best_context(scores, seed=seed, halves=4)
        published.append(found.published.value)
        held.append(found.held_out.value)
    assert np.mean(published) > 0.625 and abs(np.mean(held) - 0.597) < 0.01


def test_best_contexts_by_hand_and_ties_are_told():
    scores = np.array([[[0.2, 0.8], [0.5, 0.5]], [[0.4, 0.6], [0.5, 0.5]]])
    found = sb.best_context(scores, contexts=["QA", "BIO"])
    assert found.chosen == ("BIO", "QA = BIO") and found.published.value == pytest.approx((0.7 + 0.5) / 2)
    assert {name: each.value for name, each in found.contexts.items()} == pytest.approx(
        {"QA": 0.4, "BIO": 0.6}
    )
    with pytest.raises(DataError, match="1 names for 2 contexts"):
        sb.best_context(scores, contexts=["QA"])


def test_gain_by_hand():
    human, before, after = [[3, 1], [1, 1]], [[1, 1], [1, 1]], [[3, 1], [0, 1]]
    # 0.25 nearer, and 0.5 farther.
    assert sb.gain(human, after, before, groups=["a", "b"]).value == pytest.approx(-0.125)
