"""Two-way clusters: by hand, against a naive twin, and what an interval of persons alone does not hold."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t as student

from populace.errors import DataError
from populace.stats import mean, paired_test
from populace.stats.crossed import (
    crossed_difference,
    crossed_estimate,
    crossed_mean,
    crossed_ratio,
    crossed_test,
)

# Three persons and four questions; person a's rows and question r's are alike.
VALUES = [1, 1, 0, 1, 0, 0]
PEOPLE = ["a", "a", "b", "b", "c", "c"]
QUESTIONS = ["q", "r", "s", "r", "s", "t"]


def test_by_hand():
    found = crossed_mean(VALUES, PEOPLE, QUESTIONS, within=None)
    # Residuals are +-1/2, over six rows. Persons sum to 1/6, 0, -1/6: 3/2 x 2/36 = 1/12. Questions sum to
    # 1/12, 1/6, -1/6, -1/12: 4/3 x 10/144. Every row is a cell of its own: 6/5 x 6/144.
    variance = 1 / 12 + 4 / 3 * 10 / 144 - 6 / 5 * 6 / 144
    assert (found.value, found.n, found.clusters) == (0.5, 6, 3)
    half = float(student.ppf(0.975, 2)) * math.sqrt(variance)
    assert found.high == pytest.approx(0.5 + half) and found.low == pytest.approx(0.5 - half)
    assert found.method == "two-way clusters (3 x 4), Student's t, 2 degrees" and found.seed is None


def test_wilson_by_hand():
    # Nine of ten rows, each of its own person and question: V = 10/9 x 0.09/10 = 0.01, n* = 9. Wilson's
    # ends are the roots of (x - 0.9)^2 = t^2 x (1 - x) / 9.
    found = crossed_mean([1] * 9 + [0], list(range(10)), list(range(10)))
    square = float(student.ppf(0.975, 9)) ** 2
    for end in (found.low, found.high):
        assert (end - 0.9) ** 2 == pytest.approx(square * end * (1 - end) / 9)
    assert 0 < found.low < 0.9 < found.high < 1


def test_a_second_kind_that_does_not_count():
    alone = crossed_mean(VALUES, PEOPLE)
    assert alone.method == "clusters (3), Wilson's interval with t, 2 degrees"
    one = crossed_mean(VALUES, PEOPLE, ["q"] * 6)
    assert (one.low, one.high) == (alone.low, alone.high) and "one second cluster" in one.method
    # Each question asked once adds nothing: what shares both is the row, as is what shares the question.
    once = crossed_mean(VALUES, PEOPLE, list("uvwxyz"))
    assert (once.low, once.high) == (pytest.approx(alone.low), pytest.approx(alone.high))
    assert math.isnan(crossed_mean([1, 0], ["a", "a"], ["q", "r"]).low)
    assert not crossed_mean([], [], []).defined and not crossed_mean(np.array([np.nan]), ["a"], ["q"]).defined


def test_copies_of_rows_make_nothing_surer():
    found = crossed_mean(VALUES, PEOPLE, QUESTIONS)
    more = crossed_mean(VALUES * 3, PEOPLE * 3, QUESTIONS * 3)
    assert (more.low, more.high) == (pytest.approx(found.low), pytest.approx(found.high))


def test_all_alike_is_not_certain():
    # Ten persons on four questions: with four trials all alike, 1 - 0.025^(1/4) may differ.
    people, asked = list(range(10)) * 2, [n % 4 for n in range(20)]
    most = 1 - 0.025**0.25
    found = crossed_mean([1] * 20, people, asked)
    assert (found.low, found.high) == (pytest.approx(1 - most), 1.0)
    assert found.method.startswith("Clopper-Pearson, 4 trials")
    none = crossed_difference([1] * 20, [1] * 20, people, asked)
    assert (none.low, none.high) == (pytest.approx(-most), pytest.approx(most))
    thirds = crossed_mean([1 / 3] * 20, people, asked)  # equal but for rounding
    assert thirds.low == pytest.approx(1 / 3 * (1 - most))
    assert math.isnan(crossed_mean([5] * 20, people, asked, within=None).low)


def test_balance_is_no_certainty():
    # Every person and every question has one of each: sums of clusters are 0, those of rows are not.
    found = crossed_mean([1, 0, 0, 1], ["a", "a", "b", "b"], ["q", "r", "q", "r"])
    assert found.low < 0.2 and found.high > 0.8


def naive(values, people, questions):
    """The variance, by loops over labels."""
    center = sum(values) / len(values)

    def part(labels):
        sums: dict = {}
        for value, label in zip(values, labels, strict=True):
            sums[label] = sums.get(label, 0.0) + (value - center) / len(values)
        return len(sums) / (len(sums) - 1) * sum(each**2 for each in sums.values())

    both = part(list(zip(people, questions, strict=True)))
    one, other = part(people), part(questions)
    return max(one + other - both, one, other, both)


ROWS = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 5), st.sampled_from("qrstu")), min_size=4, max_size=40
).filter(lambda rows: len({row[1] for row in rows}) > 1 and len({row[2] for row in rows}) > 1)


@given(ROWS, st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=150)
def test_it_is_the_naive_twin_in_any_order(rows, random):
    values, people, questions = map(list, zip(*rows, strict=True))
    if max(values) - min(values) < 1e-6:
        return
    found = crossed_mean(values, people, questions, within=None)
    degrees = min(len(set(people)), len(set(questions))) - 1
    half = float(student.ppf(0.975, degrees)) * math.sqrt(naive(values, people, questions))
    assert found.high - found.value == pytest.approx(half, rel=1e-6)
    random.shuffle(rows)
    values, people, questions = map(list, zip(*rows, strict=True))
    again = crossed_mean(values, [f"p{who}" for who in people], questions, within=None)
    assert again.high == pytest.approx(found.high, rel=1e-9)
    wilson = crossed_mean(values, people, questions)
    assert -1e-12 <= wilson.low <= wilson.value <= wilson.high <= 1 + 1e-12


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=6, max_size=30))
@settings(deadline=None, max_examples=60)
def test_the_p_value_is_that_of_the_interval(rows):
    a, b = map(list, zip(*rows, strict=True))
    people, asked = [n % 7 for n in range(len(a))], [n % 5 for n in range(len(a))]
    test = crossed_test(a, b, people, asked)
    flips = paired_test(a, b, people, draws=1)
    assert test.p_value >= flips.p_value - 1e-12
    if test.method.startswith("score"):
        ends = crossed_difference(a, b, people, asked, level=1 - test.p_value) if test.p_value < 1 else None
        if ends is not None:
            assert min(abs(ends.low), abs(ends.high)) == pytest.approx(0, abs=1e-6)


def test_a_ratio_by_hand():
    # 4 of 12; each row moves it by (top - bottom / 3) / 12: 1/36, -1/18, 1/18, -1/36.
    found = crossed_ratio([1, 0, 2, 1], [2, 2, 4, 4], list("abcd"), within=(0, 1))
    assert found.value == pytest.approx(1 / 3)
    same = crossed_estimate(1 / 3, np.array([1, -2, 2, -1]) / 36, list("abcd"), within=(0, 1))
    assert (found.low, found.high) == (pytest.approx(same.low), pytest.approx(same.high))
    more = crossed_estimate(1 / 3, np.array([1, -2, 2, -1]) / 36, list("abcd"), within=(0, 1), beside=0.01)
    assert more.low < same.low and more.high > same.high


def test_bad_input():
    with pytest.raises(DataError, match="outside 0 to 1"):
        crossed_mean([2.0, 0.0], ["a", "b"], ["q", "r"])
    with pytest.raises(DataError, match="needs 2"):
        crossed_mean([1, 0], ["a"], ["q", "r"])
    with pytest.raises(DataError, match="missing entries"):
        crossed_mean([1, 0], ["a", "b"], np.array(["q", None]))
    with pytest.raises(ValueError, match="level"):
        crossed_mean([1, 0], ["a", "b"], ["q", "r"], level=1.0)


def test_shared_questions_are_held_where_persons_alone_do_not_hold():
    rng = np.random.default_rng(5)
    place = np.arange(240)
    people, asked = place % 60, (place + place // 120) % 40
    held = {"crossed": 0, "persons": 0}
    for _ in range(120):
        easy = rng.normal(size=40)
        # P(z < 1 + easy) with z and easy standard normal is the normal distribution at 1 / sqrt(2).
        values = (rng.normal(size=240) < 1.0 + easy[asked]).astype(float)
        truth = 0.7602499
        for name, found in (
            ("crossed", crossed_mean(values, people, asked)),
            ("persons", mean(values, people, draws=200)),
        ):
            held[name] += found.low <= truth <= found.high
    assert held["crossed"] >= 0.92 * 120 and held["persons"] < 0.85 * 120
