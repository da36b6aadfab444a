"""pass@k under a judge that errs: by hand, exactly unbiased by enumeration, and coverage by simulation."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from populace.errors import DataError
from populace.stats import corrected_pass_at_k, estimate_noisy_pass_at_k, estimate_pass_at_k, pass_at_k
from populace.stats._unseen import unseen_variance


def test_by_hand():
    # One of ten judged to pass, e = 0.1: powers of f' are 1, 0.9, C(9,2)/C(10,2) = 0.8. For k = 2,
    # (0.01 - 2 * 0.1 * 0.9 + 0.8) / 0.64 = 0.63 / 0.64.
    found = corrected_pass_at_k(10, 1, 2, sensitivity=0.9, specificity=0.9)
    assert found == pytest.approx(1 - 0.63 / 0.64)


@given(st.integers(1, 8), st.data())
@settings(deadline=None)
def test_a_judge_without_error_is_taken_at_its_word(n, data):
    c, k = data.draw(st.integers(0, n)), data.draw(st.integers(1, n))
    found = corrected_pass_at_k(n, c, k, sensitivity=1, specificity=1)
    assert found == pytest.approx(float(pass_at_k(n, c, k)))


@pytest.mark.parametrize(("sensitivity", "specificity"), [(0.9, 0.9), (0.7, 0.95), (1.0, 0.6)])
@pytest.mark.parametrize("k", [1, 2, 4])
def test_exactly_unbiased(sensitivity, specificity, k):
    # The mean over all outcomes of 5 tries that pass with chance 0.3 is 1 - 0.7^k to the last digit.
    judged = 0.3 * sensitivity + 0.7 * (1 - specificity)
    mean = 0.0
    for verdicts in product((0, 1), repeat=5):
        c = sum(verdicts)
        chance = judged**c * (1 - judged) ** (5 - c)
        mean += chance * float(corrected_pass_at_k(5, c, k, sensitivity=sensitivity, specificity=specificity))
    assert mean == pytest.approx(1 - 0.7**k)


def simulate(rng, items=150, tries=8, error=0.1, twice=2, specificity=None):
    true = rng.beta(0.6, 1.2, items)
    passes = rng.random((items, tries)) < true[:, None]
    wrong = np.where(passes, error, error if specificity is None else 1 - specificity)
    first = passes ^ (rng.random(passes.shape) < wrong)
    second = passes[:, :twice] ^ (rng.random((items, twice)) < wrong[:, :twice])
    agreed = first[:, :twice] == second
    repeats = np.stack([(agreed & second).sum(1), (~agreed).sum(1), (agreed & ~second).sum(1)], axis=1)
    return true, first.sum(axis=1), repeats


def test_interval_covers_and_taking_the_judge_at_its_word_does_not():
    rng = np.random.default_rng(3)
    # For p of Beta(0.6, 1.2), E (1 - p)^3 = (1.2 * 2.2 * 3.2) / (1.8 * 2.8 * 3.8).
    truth = 1 - (1.2 * 2.2 * 3.2) / (1.8 * 2.8 * 3.8)
    held = trusting = 0
    values = []
    for _ in range(80):
        _, c, repeats = simulate(rng)
        found = estimate_noisy_pass_at_k(8, c, 3, repeats)
        held += found.corrected.low <= truth <= found.corrected.high
        trusting += found.judged.low <= truth <= found.judged.high
        values.append(found.corrected.value)
    assert held >= 0.9 * 80
    assert trusting < 0.7 * 80
    assert np.mean(values) == pytest.approx(truth, abs=0.015)


def test_range_without_symmetry_holds_the_truth():
    rng = np.random.default_rng(4)
    true, c, repeats = simulate(rng, items=20_000, tries=4, error=0.25, specificity=0.97)
    found = estimate_noisy_pass_at_k(4, c, 2, repeats)
    truth = float((1 - (1 - true) ** 2).mean())
    assert found.low_any - 0.01 <= truth <= found.high_any + 0.01
    # The judge errs unequally, and the symmetric answer is wrong by more than its sampling error.
    assert abs(found.corrected.value - truth) > 0.02
    assert found.low_any <= found.corrected.value <= found.high_any


def test_range_at_one_try_is_the_closed_form():
    # Shares 0.25, 0.1, 0.65: q = 0.3, v = 0.25 - 0.09 = 0.16; from 0.16 / 0.65 to 0.09 / 0.25.
    found = estimate_noisy_pass_at_k([100], [30], 1, [[25, 10, 65]])
    assert found.low_any == pytest.approx(0.16 / 0.65)
    assert found.high_any == pytest.approx(0.09 / 0.25)


def test_error_solves_the_flip_rate():
    found = estimate_noisy_pass_at_k([2, 2], [1, 1], 1, [[20, 9, 21], [20, 9, 21]])
    assert found.flips.value == pytest.approx(0.18)
    assert found.error.value == pytest.approx(0.1)  # 2 * 0.1 * 0.9 = 0.18
    assert found.flips.n == 100


def test_no_flip_leaves_room_for_some():
    c = [0, 2, 4, 8, 1, 0, 3, 8, 2, 5]
    repeats = [[2, 0, 1]] * 10
    found = estimate_noisy_pass_at_k(8, c, 2, repeats)
    plain = estimate_pass_at_k(8, c, 2, draws=400)
    assert found.corrected.value == pytest.approx(plain.value) == pytest.approx(found.judged.value)
    most = 1 - 0.025 ** (1 / 10)
    assert found.flips.high == pytest.approx(most)
    assert 2 * found.error.high * (1 - found.error.high) == pytest.approx(most)
    assert found.corrected.low <= plain.low
    assert found.corrected.high >= plain.high
    assert found.corrected.high - found.corrected.low > plain.high - plain.low
    assert found.low_any == found.high_any == pytest.approx(plain.value)


def test_a_coin_cannot_be_corrected():
    found = estimate_noisy_pass_at_k([4, 4], [2, 1], 2, [[1, 6, 1], [2, 5, 1]])
    assert math.isnan(found.corrected.value)
    assert math.isnan(found.error.value)
    assert found.judged.defined
    assert (found.low_any, found.high_any) == (0, 1)


def test_nothing_judged_twice():
    found = estimate_noisy_pass_at_k([4, 4], [2, 1], 2, [[0, 0, 0], [0, 0, 0]])
    assert math.isnan(found.corrected.value)
    assert math.isnan(found.low_any)
    assert found.judged.defined


def test_clusters_and_seeds():
    rng = np.random.default_rng(0)
    _, c, repeats = simulate(rng, items=60)
    clusters = np.repeat(np.arange(12), 5)
    found = estimate_noisy_pass_at_k(8, c, 2, repeats, clusters)
    assert found.corrected.clusters == 12
    assert found.corrected.n == 60
    again = estimate_noisy_pass_at_k(8, c, 2, repeats, clusters)
    assert found == again


def test_what_rare_items_hide():
    # Sixty items of eight tries, none of which failed all: their variance of pass@8 is 0, and yet items like
    # these fail all of them now and then. The naive twin draws such items.
    rng = np.random.default_rng(7)
    n, c = np.full(60, 8), np.array([1, 2, 3, 3, 4, 2] * 10)
    found = unseen_variance(n, c, np.zeros(60), lambda tries, passed: 1.0 * (passed == 0))
    share = (c.sum() + 0.5) / (n.sum() + 1)
    assert found > 0
    # They vary less than coins do, so the model is a binomial one.
    drawn = (rng.binomial(8, share, size=400_000) == 0).var() / 60
    assert found == pytest.approx(drawn, rel=0.05)
    # A sample that shows more than the model has nothing hidden.
    assert unseen_variance(n, c, np.arange(60.0), lambda tries, passed: np.zeros(len(passed))) == 0.0
    wide = np.array([0, 8] * 30)  # all or nothing: intraclass correlation 1, cut at 0.95
    share = (wide.sum() + 0.5) / (n.sum() + 1)
    a, b = share * (1 / 0.95 - 1), (1 - share) * (1 / 0.95 - 1)
    drawn = (rng.binomial(8, rng.beta(a, b, 400_000)) == 0).var() / 60
    found = unseen_variance(n, wide, np.zeros(60), lambda tries, passed: 1.0 * (passed == 0))
    assert found == pytest.approx(drawn, rel=0.05)


def test_large_k_near_one_is_held():
    rng = np.random.default_rng(11)
    truth, held = 1 - 0.4**4, 0
    for _ in range(100):
        passes = rng.random((60, 8)) < 0.6
        first, second = (passes ^ (rng.random(passes.shape) < 0.1) for _ in range(2))
        repeats = np.stack([(first & second).sum(1), (first != second).sum(1), (~first & ~second).sum(1)], 1)
        found = estimate_noisy_pass_at_k(8, first.sum(axis=1), 4, repeats).corrected
        held += found.low <= truth <= found.high
    assert held >= 93  # of an interval by the rows' own variance, 85


def test_shared_questions_widen():
    c, repeats = [8] * 10 + [0] * 10, [[3, 1, 4]] * 20
    people, questions = list(range(20)), [n // 10 for n in range(20)]
    alone, shared = (
        estimate_noisy_pass_at_k(8, c, 1, repeats, people, each).corrected for each in (None, questions)
    )
    assert shared.value == alone.value and (shared.low, shared.high) == (0, 1) and alone.high < 0.8


def test_bad_input():
    with pytest.raises(DataError, match="shape"):
        estimate_noisy_pass_at_k([4], [1], 1, [1, 2, 3])
    with pytest.raises(DataError, match="whole"):
        estimate_noisy_pass_at_k([4], [1], 1, [[1, -1, 0]])
    for k in 0, 5:
        with pytest.raises(DataError, match="`k`"):
            estimate_noisy_pass_at_k([4], [1], k, [[1, 0, 0]])
    with pytest.raises(ValueError, match="nothing apart"):
        corrected_pass_at_k(4, 1, 1, sensitivity=0.4, specificity=0.6)
