"""Dawid and Skene on planted raters; the power calculator against simulated studies."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from populace.errors import DataError
from populace.stats import intraclass_correlation, smallest_kappa
from populace.stats.bootstrap import sum_by_cluster
from populace.stats.dawid_skene import dawid_skene, dawid_skene_votes
from populace.stats.study_size import kappa_error, kappa_power, personas_for_kappa
from populace.streams import stream


def planted(rng, items, tables, shares, rated=1.0):
    """Ratings of raters with these tables (raters, labels, labels); -1 where not rated."""
    truth = rng.choice(len(shares), size=items, p=shares)
    drawn = rng.random((items, len(tables), 1))
    said = (drawn > np.cumsum(tables[:, truth].swapaxes(0, 1), axis=-1)[..., :-1]).sum(axis=-1)
    return truth, np.where(rng.random(said.shape) < rated, said, -1)


def coin(accuracy):
    return np.array([[accuracy, 1 - accuracy], [1 - accuracy, accuracy]])


def naive(ratings, labels, rounds, prior):
    """The same EM in loops over dictionaries."""
    items, raters = ratings.shape
    seen = [[(r, int(ratings[i, r])) for r in range(raters) if ratings[i, r] >= 0] for i in range(items)]
    post = [[sum(k == x for _, x in s) / len(s) for k in range(labels)] for s in seen]
    for turn in range(rounds + 1):
        shares = [sum(p[k] for p in post) / items for k in range(labels)]
        count = np.zeros((raters, labels, labels))
        for s, p in zip(seen, post, strict=True):
            for r, x in s:
                for k in range(labels):
                    count[r, k, x] += p[k]
        common = count.sum(0) / count.sum(0).sum(-1, keepdims=True)
        for k in range(labels):
            count[:, k] += prior * shares[k] * common[k]
        table = count / count.sum(-1, keepdims=True)
        if turn == rounds:
            return np.array(post), table, np.array(shares)
        post = []
        for s in seen:
            weight = [shares[k] * math.prod(table[r, k, x] for r, x in s) for k in range(labels)]
            post.append([w / sum(weight) for w in weight])
    raise AssertionError


def test_equals_the_loops():
    rng = stream(3, "tests.dawid_skene")
    tables = np.stack([coin(a) for a in (0.9, 0.8, 0.7, 0.6)])
    _, ratings = planted(rng, 60, tables, [0.6, 0.4], rated=0.8)
    ratings = ratings[(ratings >= 0).any(axis=1)]
    for prior in (0.0, 4.0):
        found = dawid_skene(ratings, categories=[0, 1], prior=prior, rounds=7, tolerance=0)
        post, table, shares = naive(ratings, 2, 7, prior)
        np.testing.assert_allclose(found.posterior, post, atol=1e-10)
        np.testing.assert_allclose(found.confusion, table, atol=1e-10)
        np.testing.assert_allclose(found.prevalence, shares, atol=1e-10)


def test_recovers_planted_tables_and_beats_the_majority():
    rng = stream(1, "tests.dawid_skene")
    # Two good raters, three who barely know: the majority follows the three.
    tables = np.stack([coin(a) for a in (0.95, 0.93, 0.6, 0.58, 0.55)])
    truth, ratings = planted(rng, 3000, tables, [0.7, 0.3])
    found = dawid_skene(ratings, categories=[0, 1])
    assert found.converged
    np.testing.assert_allclose(found.confusion, tables, atol=0.06)
    np.testing.assert_allclose(found.prevalence, [0.7, 0.3], atol=0.03)
    right = np.mean(np.array(found.truth()) == truth)
    most = np.mean(((ratings == 1).sum(axis=1) >= 3).astype(int) == truth)
    assert right > most + 0.04


def test_three_labels_and_a_rater_who_swaps_two():
    rng = stream(2, "tests.dawid_skene")
    good = np.full((3, 3), 0.05) + 0.85 * np.eye(3)
    swap = good[[0, 2, 1]]
    truth, ratings = planted(rng, 2000, np.stack([good, good, good, swap]), [0.5, 0.3, 0.2])
    found = dawid_skene(ratings, categories=[0, 1, 2])
    np.testing.assert_allclose(found.confusion[3], swap, atol=0.06)
    assert np.mean(np.array(found.truth()) == truth) > 0.97


def test_few_ratings_each_need_the_prior():
    """Four raters of ten items, persona by persona, as in the paper: without a prior EM overfits them."""
    rng = stream(5, "tests.dawid_skene")
    truth, ratings = planted(rng, 200, coin(0.75)[None].repeat(4, axis=0), [0.5, 0.5])
    wide = np.full((200, 80), -1)
    for persona in range(20):
        rows = slice(10 * persona, 10 * persona + 10)
        wide[rows, 4 * persona : 4 * persona + 4] = ratings[rows]
    raw = dawid_skene(wide, categories=[0, 1])
    shrunk = dawid_skene(wide, categories=[0, 1], prior=10)
    assert raw.log_likelihood > shrunk.log_likelihood
    error = [np.abs(f.accuracy - 0.75).mean() for f in (raw, shrunk)]
    assert error[1] < 0.6 * error[0]
    right = [np.mean(np.array(f.truth()) == truth) for f in (raw, shrunk)]
    assert right[1] > right[0]


def test_what_is_empty_or_odd():
    assert dawid_skene(np.full((2, 3), -1), categories=["a", "b"]).truth() == [None, None]
    assert dawid_skene(np.zeros((0, 3), dtype=int), categories=["a", "b"]).posterior.shape == (0, 2)
    one = dawid_skene([["a"], ["b"], [None]])
    assert one.truth() == ["a", "b", None]
    assert np.isnan(one.posterior[2]).all()
    for bad in ({"prior": -1}, {"prior": math.nan}, {"rounds": 0}):
        with pytest.raises(ValueError):
            dawid_skene([["a"]], **bad)


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.lists(st.integers(-1, 2), min_size=3, max_size=3), min_size=1, max_size=12), st.floats(0, 9)
)
def test_probabilities_stay_probabilities_and_likelihood_climbs(rows, prior):
    ratings = np.array(rows)
    if (ratings < 0).all():
        return
    runs = [
        dawid_skene(ratings, categories=[0, 1, 2], prior=prior, rounds=n, tolerance=0) for n in (1, 2, 20)
    ]
    for found in runs:
        rated = (ratings >= 0).any(axis=1)
        np.testing.assert_allclose(found.posterior[rated].sum(axis=1), 1)
        np.testing.assert_allclose(found.confusion.sum(axis=-1), 1)
        np.testing.assert_allclose(found.prevalence.sum(), 1)
    if prior == 0:
        first, second, last = (found.log_likelihood for found in runs)
        assert first <= second + 1e-9 <= last + 2e-9


# The power calculator.


@pytest.mark.parametrize("kappa", [0.0, 0.3, 0.6, 0.9])
@pytest.mark.parametrize("p", [0.5, 0.8])
def test_two_raters_have_the_published_variance(kappa, p):
    spread = 2 * p * (1 - p)
    variance = (1 - kappa) * ((1 - kappa) * (1 - 2 * kappa) + kappa * (2 - kappa) / spread)
    assert kappa_error(kappa, items=100, prevalence=p) == pytest.approx(math.sqrt(variance / 100))


@pytest.mark.parametrize("p", [0.5, 0.9])
def test_power_is_that_of_the_interval_that_decides(p):
    """The interval's width comes from what is seen, so the error at the true kappa counts on both sides."""
    from scipy import special

    error = kappa_error(0.6, items=200, raters=4, prevalence=p, effect=1.9)
    reach = (0.6 - 0.3) / error - special.stdtrit(19, 0.975)
    found = kappa_power(0.6, personas=20, questions=10, raters=4, against=0.3, prevalence=p, icc=0.1)
    assert found == pytest.approx(special.stdtr(19, reach), abs=1e-9)
    # Against no agreement at all, with p a half, the error of the null is larger and the formula the bolder.
    smallest = smallest_kappa(200, 20, icc=0.1).smallest
    assert kappa_power(smallest, personas=20, questions=10, icc=0.1) > 0.78


def simulated(rng, reps, personas, questions, raters, kappa, p):
    """Share of raters who chose the first, shape (reps, personas, questions), from a two-point mixture.

    Items are of two kinds, not beta-distributed as the formula has it: with chance p an item is of the
    first kind, where raters choose it with p + (1 - p) s, else with p (1 - s), s = sqrt(kappa).
    """
    s = math.sqrt(kappa)
    kind = rng.random((reps, personas, questions)) < p
    chance = np.where(kind, p + (1 - p) * s, p * (1 - s))
    return rng.binomial(raters, chance) / raters


def intervals(share, raters, quantile):
    """Pooled kappa of each study with a t interval over personas (linearised)."""
    differ = 2 * share * (1 - share) * raters / (raters - 1)
    d, q = differ.mean(axis=(1, 2)), share.mean(axis=(1, 2))
    kappa = 1 - d / (2 * q * (1 - q))
    slope = (1 - kappa) * (1 - 2 * q) / (q * (1 - q))
    influence = -differ.mean(axis=2) / (2 * q * (1 - q))[:, None] + slope[:, None] * share.mean(axis=2)
    error = influence.std(axis=1, ddof=1) / math.sqrt(share.shape[1])
    return kappa, kappa - quantile * error, error


@pytest.mark.parametrize(
    ("kappa", "against", "raters", "questions", "p"),
    [
        (0.5, 0.3, 4, 10, 0.5),
        (0.4, 0.0, 2, 10, 0.5),
        (0.6, 0.4, 3, 10, 0.65),
        (0.6, 0.3, 4, 10, 0.9),
        (0.6, 0.4, 4, 10, 0.8),
        (0.5, 0.2, 3, 5, 0.8),
        (0.5, 0.2, 4, 5, 0.9),
    ],
)
def test_the_promised_power_is_what_simulated_studies_have(kappa, against, raters, questions, p):
    from scipy import special

    size = personas_for_kappa(kappa, against=against, raters=raters, questions=questions, prevalence=p, icc=0)
    rng = stream(7, "tests.power")
    share = simulated(rng, 4000, size.personas, questions, raters, kappa, p)
    quantile = special.stdtrit(size.personas - 1, 0.975)
    found, low, _ = intervals(share, raters, quantile)
    assert np.median(found) == pytest.approx(kappa, abs=0.02)
    # Two points or beta-distributed: the counts differ from the third moment on, hence some leeway.
    assert found.std() == pytest.approx(size.standard_error, rel=0.12)
    assert (low > against).mean() == pytest.approx(size.power, abs=0.07)
    assert size.power >= 0.8


def test_likeness_within_personas_costs_what_it_should():
    """Personas differ in how clear they are: the ICC of what kappa is made of, put in, gives the error."""
    rng = stream(8, "tests.power")
    reps, personas, questions, raters = 1500, 24, 10, 4
    kappas = rng.choice([0.25, 0.75], size=(reps, personas, 1))
    s = np.sqrt(kappas)
    kind = rng.random((reps, personas, questions)) < 0.5
    share = rng.binomial(raters, np.where(kind, (1 + s) / 2, (1 - s) / 2)) / raters
    found, _, _ = intervals(share, raters, 2.0)
    agree = 1 - (2 * share * (1 - share) * raters / (raters - 1))[:40].reshape(-1)
    code = np.repeat(np.arange(40 * personas), questions)
    icc = intraclass_correlation(agree, code, draws=1).value
    assert 0.05 < icc < 0.5
    effect = 1 + (questions - 1) * icc
    planned = kappa_error(0.5, items=personas * questions, raters=raters, effect=effect)
    assert found.std() == pytest.approx(planned, rel=0.12)
    assert found.std() > 1.3 * kappa_error(0.5, items=personas * questions, raters=raters)
    assert sum_by_cluster(np.ones((3, 1)), np.array([0, 0, 1]), 2).tolist() == [[2.0], [1.0]]


def test_a_width_is_met_and_is_tight():
    size = personas_for_kappa(0.6, width=0.1, icc=0.05)
    assert size.width <= 0.1
    smaller = kappa_error(0.6, items=(size.personas - 1) * 10, raters=4, effect=1.45)
    from scipy import special

    assert special.stdtrit(size.personas - 2, 0.975) * smaller > 0.1


@settings(deadline=None, max_examples=60)
@given(st.floats(0.05, 0.95), st.integers(2, 8), st.floats(0.1, 0.9), st.integers(2, 60), st.floats(0, 0.5))
def test_more_raters_and_more_personas_never_hurt(kappa, raters, p, personas, icc):
    def power(**changed):
        design = {"personas": personas, "raters": raters, "questions": 10, "prevalence": p, "icc": icc}
        return kappa_power(kappa, against=kappa / 2, **(design | changed))

    assert power(personas=personas + 5) >= power() - 1e-9
    assert 0 <= power() <= 1
    errors = [kappa_error(kappa, items=50, raters=r, prevalence=p) for r in (raters, raters + 1)]
    assert errors[1] <= errors[0] + 1e-12


@pytest.mark.parametrize(
    "bad",
    [
        {"kappa": 1.2},
        {"kappa": 0.3, "against": 0.4},
        {"kappa": 0.3, "raters": 1},
        {"kappa": 0.3, "icc": 2},
        {"kappa": 0.3, "prevalence": 0},
        {"kappa": 0.3, "width": 0},
        {"kappa": 0.3, "power": 0.2},
        {"kappa": 0.3, "width": 1e-6},
    ],
)
def test_designs_that_cannot_be_are_refused(bad):
    with pytest.raises(ValueError):
        personas_for_kappa(**bad)


def test_a_list_of_votes_equals_the_table_and_is_checked():
    rng = stream(11, "tests.dawid_skene")
    _, ratings = planted(rng, 50, coin(0.8)[None].repeat(4, axis=0), [0.5, 0.5], rated=0.6)
    item, rater = np.nonzero(ratings >= 0)
    turned = rng.permutation(len(item))
    votes = dawid_skene_votes(
        item[turned], rater[turned], ratings[item, rater][turned], shape=(50, 4), labels=[0, 1], prior=3
    )
    table = dawid_skene(ratings, categories=[0, 1], prior=3)
    np.testing.assert_allclose(votes.posterior, table.posterior, atol=1e-12)
    np.testing.assert_allclose(votes.confusion, table.confusion, atol=1e-12)
    for item, rater, label in (
        ([2], [0], [0]),
        ([0], [2], [0]),
        ([0], [0], [5]),
        ([0], [0, 1], [0]),
        ([-1], [0], [0]),
    ):
        with pytest.raises(DataError):
            dawid_skene_votes(item, rater, label, shape=(2, 2), labels="ab")
