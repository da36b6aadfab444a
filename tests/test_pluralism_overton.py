"""Coverage, precision and their conventions: by hand, by axiom, and beside a brute-force twin."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from populace.errors import DataError
from populace.pluralism import overton as ov

TABLES = st.tuples(st.integers(1, 5), st.integers(0, 6)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.sampled_from([0.0, 0.2, 0.4, 0.6, 0.8, 1.0]))
)
RULES = st.sampled_from(ov.RULES)


def rated(rows) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=["rater", "question", "model", "rating"], orient="row")


# Rules


def test_the_three_rules_by_hand():
    # Sentence 0 says both views, sentence 2 says nothing of either.
    scores = np.array([[0.9, 0.65, 0.1], [0.8, 0.7, 0.2], [0.1, 0.1, 0.1]])
    wide = ov.matched(scores, "max", 0.6)
    assert wide.covered.tolist() == [True, True, False] and wide.inside.tolist() == [True, True, False]
    # Both views like sentence 0 best, and it the first; sentence 1 likes view 1, whose best it is not.
    assert ov.matched(scores, "mutual_best", 0.6).pairs.sum() == 1
    # One to one: view 0 takes sentence 0, view 1 takes sentence 1: 0.9 + 0.7 > 0.65 + 0.8.
    assert np.argwhere(ov.matched(scores, "hungarian", 0.6).pairs).tolist() == [[0, 0], [1, 1]]


def test_hungarian_prefers_two_poor_pairs_to_one_rich():
    # 0.99 alone is more than 0.5 + 0.45, but covers one view, not two.
    scores = np.array([[0.99, 0.5], [0.45, 0.0]])
    assert ov.matched(scores, "hungarian", 0.4).covered.all()


def test_ties_do_not_hang_on_the_order_of_sentences():
    scores = np.array([[0.8, 0.8, 0.1], [0.8, 0.8, 0.1]])
    found = {ov.matched(scores[:, list(p)], "mutual_best", 0.5).covered.sum() for p in permutations(range(3))}
    assert found == {2} and ov.matched(scores, "mutual_best", 0.5).tied


def test_an_unknown_rule_is_refused():
    with pytest.raises(DataError, match="no rule 'best'"):
        ov.matched(np.zeros((1, 1)), "best", 0.5)  # type: ignore[arg-type]


@settings(max_examples=50)
@given(TABLES, st.sampled_from([0.2, 0.5, 0.8]))
def test_hungarian_is_the_largest_assignment(table, threshold):
    """Against all assignments: no rule one to one covers more, and its sum is the highest of that size."""
    views, said = table.shape
    best = (0, 0.0)
    slots = list(range(said)) + [-1] * views
    for way in set(permutations(slots, views)) if views <= 3 and said <= 4 else ():
        pairs = [(v, s) for v, s in enumerate(way) if s >= 0 and table[v, s] >= threshold]
        best = max(best, (len(pairs), sum(table[pair] for pair in pairs)))
    found = ov.matched(table, "hungarian", threshold).pairs
    assert (found.sum(axis=0) <= 1).all() and (found.sum(axis=1) <= 1).all()
    if views <= 3 and said <= 4:
        assert found.sum() == best[0] and table[found].sum() == pytest.approx(best[1])


@given(TABLES, RULES, st.sampled_from([0.2, 0.5, 0.8]))
def test_rules_nest_and_match_only_what_reaches_the_threshold(table, rule, threshold):
    found = {name: ov.matched(table, name, threshold).covered.sum() for name in ov.RULES}
    assert found["mutual_best"] <= found["hungarian"] <= found["max"]
    pairs = ov.matched(table, rule, threshold).pairs
    assert (table[pairs] >= threshold).all()
    if rule != "max":
        assert (pairs.sum(axis=0) <= 1).all() and (pairs.sum(axis=1) <= 1).all()


def test_assignments_that_are_best_alike_are_counted_and_weighted_by_the_middle():
    """One sentence is as near to the view of nine in ten as to that of one in ten."""
    scores = np.array([[0.9], [0.9]])
    for rule in ("mutual_best", "hungarian"):
        for order in ([0, 1], [1, 0]):
            found = ov.coverage_from_matches(
                scores[order], rule, threshold=0.5, shares=np.array([90, 10])[order]
            )
            assert found.weighted is not None and found.weighted.value == pytest.approx(0.5)
            assert found.tied == 1
    assert not ov.matched(np.array([[0.9], [0.8]]), "hungarian", 0.5).tied


def test_the_ends_of_the_best_assignments_are_those_of_all():
    from populace.pluralism.overton.rules import ends

    rng = np.random.default_rng(0)
    for _ in range(60):
        views, said = int(rng.integers(1, 4)), int(rng.integers(1, 5))
        table, shares = rng.integers(0, 4, (views, said)) / 3, rng.integers(1, 9, views).astype(float)
        ways = {}
        for way in set(permutations(list(range(said)) + [-1] * views, views)):
            pairs = [(view, at) for view, at in enumerate(way) if at >= 0]
            if all(table[pair] >= 0.5 for pair in pairs):
                worth = len(pairs), round(sum(table[pair] for pair in pairs), 9)
                ways.setdefault(worth, []).append(sum(shares[view] for view, _ in pairs))
        best = ways[max(ways)]
        few, many = ends(table, "hungarian", 0.5, shares)
        assert (shares @ few.any(axis=1), shares @ many.any(axis=1)) == (min(best), max(best))
        assert ov.matched(table, "hungarian", 0.5).tied == (len(best) > 1)


def test_precision_by_rule():
    """Two sentences for each of two views: all express one, half can be paired."""
    scores = [[0.9, 0.8, 0, 0], [0, 0, 0.9, 0.8]]
    found = {rule: ov.coverage_from_matches(scores, rule, threshold=0.5).precision.value for rule in ov.RULES}
    assert found == {"max": 1.0, "mutual_best": 0.5, "hungarian": 0.5}


@pytest.mark.parametrize("threshold", [float("nan"), float("inf")])
def test_a_threshold_is_a_number(threshold):
    groups = pl.DataFrame({"rater": ["a"], "cluster": [1]})
    with pytest.raises(DataError, match="the threshold is"):
        ov.coverage_from_matches([[0.9]], threshold=threshold)
    with pytest.raises(DataError, match="the threshold is"):
        ov.coverage(rated([("a", "q", "m", 5)]), groups, threshold=threshold)


def test_intervals_of_false_balance_do_not_go_below_0():
    scores = [[[0.9, 0.0], [0.0, 0.9]], [[0.9, 0.0], [0.0, 0.0]], [[0.9, 0.0], [0.0, 0.0]]]
    found = ov.coverage_from_matches(scores, threshold=0.5, shares=[[3, 1]] * 3).false_balance
    assert found is not None and found.low == 0 < found.value and "cut at 0" in found.method


# Coverage and precision


@settings(max_examples=50)
@given(TABLES, RULES, st.randoms(use_true_random=False))
def test_order_changes_nothing(table, rule, luck):
    rows, columns = list(range(table.shape[0])), list(range(table.shape[1]))
    luck.shuffle(rows), luck.shuffle(columns)
    one, other = (
        ov.coverage_from_matches(each, rule, threshold=0.5).table for each in (table, table[rows][:, columns])
    )
    assert one["coverage"][0] == other["coverage"][0] and one["precision"][0] == other["precision"][0]


@settings(max_examples=50)
@given(TABLES, st.sampled_from(["max", "hungarian"]))
def test_more_sentences_never_cover_less_and_sentences_beside_the_point_cost_precision(table, rule):
    whole = ov.coverage_from_matches(table, rule, threshold=0.5).table
    for count in range(table.shape[1]):
        part = ov.coverage_from_matches(table[:, :count], rule, threshold=0.5).table
        assert part["coverage"][0] <= whole["coverage"][0]
    aside = np.concatenate([table, np.zeros((len(table), 2))], axis=1)
    more = ov.coverage_from_matches(aside, rule, threshold=0.5).table
    assert more["coverage"][0] == whole["coverage"][0] and more["f"][0] <= whole["f"][0]


@settings(max_examples=50)
@given(TABLES)
def test_a_perfect_answer_has_one_of_everything(table):
    size = len(table)
    for rule in ov.RULES:
        found = ov.coverage_from_matches(np.eye(size), rule, threshold=0.5)
        assert found.coverage.value == found.precision.value == found.f.value == 1


def test_coverage_precision_and_f_by_hand():
    # Question 1: one of two views, two of three sentences: F = 2 * 2/3 * 1/2 / (2/3 + 1/2) = 4/7.
    # Question 2: nothing is said: coverage 0, F 0, and precision is of those who say something.
    first = [[0.9, 0.8, 0.1], [0.2, 0.3, 0.2]]
    found = ov.coverage_from_matches([first, [[], []]], threshold=0.7, at=[1, 2], shares=[[3, 1], None])
    assert found.coverage.value == 0.25 and found.precision.value == pytest.approx(2 / 3)
    assert found.f.value == pytest.approx(2 / 7) and found.precision.n == 1 and found.coverage.n == 2
    assert found.weighted is not None and found.weighted.value == 0.75
    assert found.at[1].value == 0.25 and found.table["sentences"].to_list() == [3, 0]
    # F2 of the first: 5 * P * C / (4 P + C) = (5 * 1/3) / (8/3 + 1/2) = 10/19.
    assert ov.f_score(0.5, 2 / 3, 2.0) == pytest.approx(10 / 19)


def test_what_was_not_judged_is_no_match_and_is_counted():
    found = ov.coverage_from_matches([[np.nan, 0.9], [np.nan, np.nan]], threshold=0.5)
    assert found.coverage.value == 0.5 and found.unjudged == 0.75
    for rule in ov.RULES:
        assert ov.coverage_from_matches(np.full((2, 2), np.nan), rule, threshold=0.0).coverage.value == 0


@pytest.mark.parametrize(
    ("scores", "told"),
    [
        ([[[0.1]], []], "no perspective|no table"),
        ("text", "no table"),
        ([[np.inf]], "infinite"),
        ([[[0.1, 0.2], [0.3]]], "no table"),
    ],
)
def test_bad_scores_are_named(scores, told):
    with pytest.raises(DataError, match=told):
        ov.coverage_from_matches(scores, threshold=0.5)


def test_bad_shares_and_lengths_are_named():
    one = [[0.5], [0.5]]
    for wrong in ({"shares": [1.0]}, {"shares": [0, 0]}, {"shares": [1, -1]}, {"lengths": [1, 2]}):
        with pytest.raises(DataError):
            ov.coverage_from_matches(one, threshold=0.5, **wrong)
    with pytest.raises(DataError, match="of 1 questions"):
        ov.coverage_from_matches([one, one], threshold=0.5, shares=[[1, 2]])


# Balance


@given(st.lists(st.integers(1, 20), min_size=2, max_size=5))
def test_room_in_proportion_is_balanced_and_room_alike_is_one(counts):
    shares = np.array(counts) / sum(counts)
    if len(set(counts)) == 1:
        assert np.isnan(ov.false_balance(shares, shares))
        return
    assert ov.false_balance(shares, shares) == pytest.approx(0, abs=1e-9)
    assert ov.false_balance(np.full(len(counts), 1 / len(counts)), shares) == pytest.approx(1)
    assert ov.misallotment(shares, shares) == pytest.approx(0, abs=1e-9)


def test_false_balance_by_hand():
    # Held by 80 and 20 %, and the few have all the room: (0.8 - 0) / 0.3.
    assert ov.false_balance([0.0, 1.0], [0.8, 0.2]) == pytest.approx(8 / 3)
    # The many alone: no false balance, but a misallotment of 0.2.
    assert ov.false_balance([1.0, 0.0], [0.8, 0.2]) == 0 and ov.misallotment(
        [1, 0], [0.8, 0.2]
    ) == pytest.approx(0.2)
    # Two sentences of 10 words for the first, one of 20 for the second.
    scores = [[0.9, 0.9, 0.0], [0.0, 0.0, 0.9]]
    by_count = ov.coverage_from_matches(scores, threshold=0.5, shares=[0.75, 0.25])
    by_words = ov.coverage_from_matches(scores, threshold=0.5, shares=[0.75, 0.25], lengths=[10, 10, 20])
    assert by_count.false_balance is not None and by_words.false_balance is not None
    assert by_count.false_balance.value == pytest.approx((0.75 - 2 / 3) / 0.25)
    assert by_words.false_balance.value == pytest.approx(1.0)


def test_a_sentence_of_two_views_is_shared_where_they_are_alike():
    pairs = np.array([[True], [True]])
    assert ov.room(pairs, np.array([[0.8], [0.8]])).tolist() == [0.5, 0.5]
    assert np.isnan(ov.room(np.zeros((2, 0), bool), np.zeros((2, 0)))).all()


# Conventions


def test_modular_pluralism_thresholds_the_mean():
    # Two of three values at 0.5 and none of the third: s = 1/3 > 0.33, though the third is not there at all.
    assert ov.modular_pluralism([[0.5], [0.5], [0.0]]).accuracy.value == 1
    # A threshold on each value would pass two of three here too, and s = 0.33 does not exceed 0.33.
    assert ov.modular_pluralism([[0.33], [0.33], [0.33]]).accuracy.value == 0
    empty = ov.modular_pluralism([[[], []], [[1.0], [1.0]]])
    assert empty.values == (-1.0, 1.0) and empty.score.value == 0


def test_op_grpo_is_mutual_best_and_its_two_thresholds_differ():
    scores = [[0.74, 0.1], [0.73, 0.72]]
    assert ov.op_grpo(scores).coverage.value == 0.5
    assert ov.op_grpo(scores, 0.75).coverage.value == 0
    # Not monotone: one more sentence takes the pair away.
    assert ov.op_grpo([[0.72, 0.9], [0.1, 0.95]]).coverage.value == 0.5
    assert ov.op_grpo([[0.72], [0.1]]).coverage.value == 0.5


# Floor


def test_every_answer_is_held_against_another_question():
    for count in range(2, 30):
        others = ov.elsewhere(count)
        assert sorted(others) == list(range(count)) and all(a != b for a, b in enumerate(others))
    with pytest.raises(DataError):
        ov.elsewhere(1)


@settings(max_examples=50)
@given(
    st.lists(TABLES.filter(lambda t: t.size), min_size=1, max_size=5), RULES, st.sampled_from([0.0, 0.1, 0.5])
)
def test_calibrated_thresholds_keep_the_floor(tables, rule, floor):
    threshold = ov.calibrate(tables, floor=floor, rule=rule)
    assert ov.noise_floor(tables, rule, threshold=threshold).coverage.value <= floor + 1e-12
    lower = [value for table in tables for value in table.ravel() if value < threshold]
    if lower:  # and no lower one does
        assert ov.noise_floor(tables, rule, threshold=max(lower)).coverage.value > floor


def test_above_is_paired():
    one = ov.coverage_from_matches([np.eye(2), np.eye(2)], threshold=0.5)
    other = ov.coverage_from_matches([np.eye(2), np.zeros((2, 2))], threshold=0.5)
    assert ov.above(one, other).value == 0.5
    with pytest.raises(DataError, match="other questions"):
        ov.above(one, ov.coverage_from_matches([np.eye(3), np.eye(2)], threshold=0.5))


# Ratings


def test_coverage_of_ratings_by_hand():
    """Cluster x has three people, y one; model a has 4, 4, 5 of x and 3 of y; b has 2 of x alone."""
    ratings = rated(
        [("1", "q", "a", 4), ("2", "q", "a", 4), ("3", "q", "a", 5), ("4", "q", "a", 3), ("1", "q", "b", 2)]
    )
    groups = pl.DataFrame({"rater": list("1234"), "question": ["q"] * 4, "cluster": list("xxxy")})
    found = ov.coverage(ratings, groups)
    assert found.of("a").coverage.value == 0.5 and found.of("b").coverage.value == 0
    assert found.of("b").unrated == 1 and found.of("b").clusters == 1
    assert ov.coverage(ratings, groups, weighted=True).of("a").coverage.value == 0.75
    assert ov.coverage(ratings, groups, threshold=4.4).of("a").coverage.value == 0
    # Exactly at the threshold is covered.
    assert ov.coverage(ratings, groups, threshold=13 / 3).of("a").coverage.value == 0.5
    assert ov.coverage(ratings, groups, weighted=True, unrated="uncovered").of("b").coverage.n == 1
    with pytest.raises(DataError, match="nobody rated 'c'"):
        found.of("c")


def test_who_rated_nothing_counts_among_the_people_of_a_cluster():
    ratings = rated([("1", "q", "a", 5), ("2", "q", "a", 1)])
    groups = pl.DataFrame({"rater": list("1234"), "question": ["q"] * 4, "cluster": list("xyyy")})
    assert ov.coverage(ratings, groups, weighted=True).of("a").coverage.value == 0.25


def test_adjusted_scores_are_those_of_least_squares():
    """The same as numpy's solution with dummies for models and questions."""
    rng = np.random.default_rng(3)
    scores = rng.random((12, 4))
    scores[rng.random((12, 4)) < 0.3] = np.nan
    scores[:, 0] = rng.random(12)  # somebody answers everything, so all are linked
    rows, models = np.nonzero(~np.isnan(scores))
    design = np.zeros((len(rows), 4 + 12))
    design[np.arange(len(rows)), models] = design[np.arange(len(rows)), 4 + rows] = 1
    effect = np.linalg.lstsq(design, scores[rows, models], rcond=None)[0]
    expected = effect[:4] + effect[4:].mean()
    assert [each.value for each in ov.adjusted(scores)] == pytest.approx(expected.tolist())


def test_models_that_share_no_question_are_not_adjusted():
    found = ov.adjusted(np.array([[0.5, np.nan], [np.nan, 0.7]]))
    assert not any(each.defined for each in found)
    balanced = ov.adjusted(np.array([[0.5, 0.7], [0.1, 0.5]]))
    assert [each.value for each in balanced] == pytest.approx([0.3, 0.6])


@settings(max_examples=30)
@given(arrays(np.float64, (6, 3), elements=st.floats(0, 1)))
def test_adjusting_a_balanced_table_changes_nothing(scores):
    assert [each.value for each in ov.adjusted(scores, draws=10)] == pytest.approx(
        scores.mean(axis=0).tolist()
    )


@settings(max_examples=30)
@given(arrays(np.int64, (8, 3), elements=st.integers(1, 5)), st.sampled_from([2.0, 3.0, 4.0]))
def test_a_higher_threshold_covers_no_more(values, threshold):
    rows = [(f"r{r}", f"q{q}", "a", int(values[r, q])) for r in range(8) for q in range(3)]
    groups = pl.DataFrame({"rater": [f"r{r}" for r in range(8)], "cluster": [r % 3 for r in range(8)]})
    low, high = (
        ov.coverage(rated(rows), groups, at, draws=20).of("a").coverage.value for at in (threshold, 4.5)
    )
    assert high <= low
    better = [(r, q, m, min(5, rating + 1)) for r, q, m, rating in rows]
    assert ov.coverage(rated(better), groups, threshold, draws=20).of("a").coverage.value >= low


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([("1", "q", "a", None)], "no rating"),
        ([("1", "q", "a", 4), ("1", "q", "a", 5)], "rates one answer twice"),
        ([("9", "q", "a", 4)], "in no cluster"),
        ([], "no rating"),
    ],
)
def test_bad_ratings_are_named(rows, told):
    groups = pl.DataFrame({"rater": ["1"], "question": ["q"], "cluster": ["x"]})
    table = pl.DataFrame(
        rows,
        schema={"rater": pl.String, "question": pl.String, "model": pl.String, "rating": pl.Float64},
        orient="row",
    )
    with pytest.raises(DataError, match=told):
        ov.coverage(table, groups)


def test_tables_without_a_column_are_refused():
    groups = pl.DataFrame({"rater": ["1"], "question": ["q"], "cluster": ["x"]})
    with pytest.raises(DataError, match="column rating"):
        ov.coverage(pl.DataFrame({"rater": ["1"], "question": ["q"], "model": ["a"]}), groups)
    twice = pl.DataFrame({"rater": ["1", "1"], "question": ["q", "q"], "cluster": ["x", "y"]})
    with pytest.raises(DataError, match="two clusters"):
        ov.coverage(rated([("1", "q", "a", 4)]), twice)


def test_questions_carry_the_interval():
    """Twice the same questions are no more questions than they are: the interval is over questions."""
    rows = [(r, f"q{q}", "a", 5 if q % 2 else 1) for r in "abcd" for q in range(20)]
    groups = pl.DataFrame({"rater": list("abcd"), "cluster": [0, 0, 1, 1]})
    found = ov.coverage(rated(rows), groups).of("a").coverage
    assert found.clusters == 20 and found.method == "question bootstrap, percentile, 1000 draws"
    assert found.low < 0.35 and found.high > 0.65
    again = ov.coverage(rated(rows), groups).of("a").coverage
    assert again == found
    assert ov.coverage(rated([(r, q, m, 5) for r, q, m, _ in rows]), groups).of("a").coverage.low < 1


# Reliability


def test_split_halves_of_noise_agree_by_chance_and_of_one_mind_always():
    rng = np.random.default_rng(5)
    rows = [
        (f"{g}{r}", f"q{q}", m, int(rng.integers(1, 6)))
        for q in range(20)
        for g in "xy"
        for r in range(6)
        for m in "abc"
    ]
    groups = rated(rows).select("rater", cluster=pl.col("rater").str.slice(0, 1)).unique()
    noise = ov.split_half(rated(rows), groups, 3.0, splits=20, draws=200)
    assert noise.kappa.low < 0.1 and noise.cells == noise.total == 120
    firm = [(r, q, m, 5 if (m == "a") == (r[0] == "x") else 1) for r, q, m, _ in rows]
    sure = ov.split_half(rated(firm), groups, splits=20, draws=200)
    assert sure.same.value == 1 and sure.kappa.value == 1
    with pytest.raises(DataError, match="two ratings"):
        ov.split_half(rated([("x0", "q", "a", 5)]), groups)


def test_agreement_of_two_raters_by_hand():
    # Views: both yes, first only, second only, neither. Same in 2 of 4; kappa 0.
    one = [[[1, 0], [0, 1], [0, 0], [0, 0]]] * 4
    other = [[[0, 1], [0, 0], [1, 0], [0, 0]]] * 4
    found = ov.agreement(one, other)
    assert found.same.value == 0.5 and found.kappa.value == 0 and found.difference.value == 0
    with pytest.raises(DataError, match="other sentences"):
        ov.agreement(one, one[:2])


def test_halves_are_the_same_at_every_call():
    """Questions are drawn by their place, so the place must not be a matter of threads."""
    rng = np.random.default_rng(0)
    rows = [
        (f"r{i}_{q}", f"q{q:03d}", f"m{m}", int(rng.integers(1, 6)))
        for q in range(60)
        for i in range(8)
        for m in range(3)
    ]
    told = rated(rows)
    groups = told.select("rater", "question").unique(maintain_order=True)
    groups = groups.with_columns(cluster=pl.Series(rng.integers(0, 2, groups.height)))
    found = [ov.split_half(told, groups, splits=3, draws=100) for _ in range(3)]
    assert found[0] == found[1] == found[2]


def test_a_mean_of_decimals_reaches_the_threshold():
    groups = pl.DataFrame({"rater": list("abc"), "cluster": [0, 0, 0]})
    for values in permutations((4.2, 3.9, 3.9)):
        rows = [(who, "q", "m", value) for who, value in zip("abc", values, strict=True)]
        assert ov.coverage(rated(rows), groups).of("m").coverage.value == 1


def test_a_person_in_no_cluster_makes_none():
    told = rated([("a", "q", "m", 5), ("b", "q", "m", 1)])
    groups = pl.DataFrame({"rater": list("abz"), "question": ["q"] * 3, "cluster": ["x", "y", None]})
    with pytest.raises(DataError, match="row 3, column cluster: an id is missing"):
        ov.coverage(told, groups, unrated="uncovered")


# Windows


def test_windows_refuse_what_is_none():
    for wrong in (
        {"texts": []},
        {"texts": ["a", " "]},
        {"texts": ["Ban it.", "ban  it."]},
        {"texts": ["a", "b"], "shares": [1]},
        {"texts": ["a", "b"], "shares": [0, 0]},
    ):
        with pytest.raises(DataError):
            ov.window("Why?", **wrong)
    with pytest.raises(DataError, match="all of them, or none"):
        ov.Window(
            question="?",
            perspectives=(ov.Perspective(texts=("a",), share=1.0), ov.Perspective(texts=("b",))),
        )
    one, other = ov.window("?", ["a", "b"]), ov.window("?", ["a", "b"], [1, 1])
    assert one.window_id != other.window_id and other.weights == (0.5, 0.5)


def test_missing_scores_of_one_text_leave_those_of_another():
    made = ov.Window(question="?", perspectives=(ov.Perspective(texts=("a", "b")),))
    assert made.reduced([[np.nan, np.nan], [0.3, np.nan]]).tolist()[0][0] == 0.3
    with pytest.raises(DataError, match="2 texts"):
        made.reduced([[0.1]])


def test_a_window_from_groups_by_hand():
    """Both groups want peace: it tells nobody apart. Each has a statement of its own; nobody voted on one."""
    left, right = [1, -1, 1, np.nan], [-1, 1, 1, np.nan]
    votes = [left] * 20 + [right] * 10 + [[np.nan] * 4] * 5
    groups = [0] * 20 + [1] * 10 + [-1] * 5
    found = ov.window_from_groups(votes, groups, ["Spend.", "Save.", "Peace.", "Unseen."], question="?")
    assert [each.texts for each in found.perspectives] == [("Spend.",), ("Save.",)]
    assert found.weights == pytest.approx((2 / 3, 1 / 3))
    both = ov.window_from_groups(votes, groups, ["Spend.", "Save.", "Peace.", "Unseen."], sides="both")
    assert set(both.perspectives[0].texts) == {"Spend.", "It is not true that: Save."}


def test_no_group_is_dropped_in_silence():
    # Group 2 agrees with both of the others and has nothing of its own: C is what it is against.
    votes = np.array([[1, -1, -1]] * 6 + [[-1, 1, -1]] * 6 + [[1, 1, -1]] * 2, dtype=float)
    groups = [0] * 6 + [1] * 6 + [2] * 2
    with pytest.raises(DataError, match="no statement is that of group 2 alone"):
        ov.window_from_groups(votes, groups, ["A", "B", "C"])
    found = ov.window_from_groups(votes, groups, ["A", "B", "C"], wordless="leave_out")
    assert [each.name for each in found.perspectives] == ["group 0", "group 1"]


def test_a_statement_of_two_groups_alike_is_his_who_has_no_other():
    votes = np.array([[1, 0, 1]] * 5 + [[1, 0, -1]] * 5 + [[-1, 1, -1]] * 5, dtype=float)
    groups = [0] * 5 + [1] * 5 + [2] * 5
    found = ov.window_from_groups(votes, groups, ["A", "B", "C"])
    assert [each.texts for each in found.perspectives] == [("C",), ("A",), ("B",)]
    assert found.weights == pytest.approx((1 / 3, 1 / 3, 1 / 3))
    # Groups 0 and 1 are one: no number tells which of them is to have A.
    with pytest.raises(DataError, match="group 0 alone, nor of group 1 alone"):
        ov.window_from_groups(votes[:, :2], groups, ["A", "B"])


def test_groups_that_do_not_fit_are_refused():
    with pytest.raises(DataError, match="do not fit"):
        ov.window_from_groups([[1, -1]], [0, 1], ["a", "b"])
    with pytest.raises(DataError, match="none of 1, 0, -1"):
        ov.window_from_groups([[2.0], [1.0]], [0, 1], ["a"])
    with pytest.raises(DataError, match="1 groups"):
        ov.window_from_groups([[1.0], [1.0]], [0, 0], ["a"])


POLIS = Path(__file__).parents[2] / "shared" / "data" / "polis"


@pytest.mark.skipif(not POLIS.exists(), reason="the Polis conversations are not here")
def test_a_real_conversation_has_a_window():
    from populace.bench.windows import polis_window

    found = polis_window(POLIS / "15-per-hour-seattle")
    assert 2 <= len(found.perspectives) <= 5 and found.weights is not None
    assert "minimum wage" in found.question and all(1 <= len(each.texts) <= 3 for each in found.perspectives)
