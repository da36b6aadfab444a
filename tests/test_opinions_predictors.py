"""Predictors: what they promise on planted answers, hand-made tables, and against others' implementations."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from populace.errors import DataError
from populace.opinions import NONE, Inputs, Item, Opinions, split
from populace.opinions.predictors import (
    Boosting,
    Classes,
    Completion,
    Group,
    Logistic,
    Population,
    Uniform,
    baselines,
)
from populace.opinions.predictors.factors import learn, scores, softmax
from populace.opinions.predictors.logistic import regress
from populace.opinions.predictors.masks import masked
from populace.streams import stream


def planted(people: int = 500, items: int = 40, *, there: float = 0.6, seed: int = 0) -> Opinions:
    """Make people of two factors; party and age tell of the first, and noise tells of nothing."""
    rng = stream(seed, "test.planted")
    points = rng.normal(size=(people, 2))
    sizes = rng.integers(2, 5, size=items)
    answers = np.full((people, items), NONE, dtype=np.int16)
    for place, size in enumerate(sizes):
        odds = points @ rng.normal(scale=1.5, size=(2, size)) + rng.normal(scale=0.5, size=size)
        answers[:, place] = np.argmax(odds + rng.gumbel(size=odds.shape), axis=1)
    answers[rng.random(answers.shape) > there] = NONE
    side = points[:, 0] + rng.normal(scale=0.7, size=people)
    frame = pl.DataFrame(
        {
            "person_id": [str(i) for i in range(people)],
            "weight": rng.uniform(0.5, 2.0, size=people),
            "political_views": np.where(side > 0.4, "left", np.where(side < -0.4, "right", "middle")),
            "age": np.round(40 + 15 * side).astype(int),
            "noise": rng.choice(["a", "b", "c"], size=people),
        }
    )
    named = tuple(
        Item(name=f"q{i}", options=tuple(f"o{k}" for k in range(size))) for i, size in enumerate(sizes)
    )
    return Opinions(frame, named, answers)


def gain(opinions: Opinions, parts, table: np.ndarray) -> float:
    rows, columns = np.nonzero(parts.asked)
    codes = opinions.answers[parts.test][rows, columns]
    return float(np.log(table[rows, opinions.starts[columns] + codes]).mean())


OPINIONS = planted()
PARTS = split(OPINIONS, test=150, asked=0.2, least=3, seed=1)
TRAIN, PEOPLE = OPINIONS.take(PARTS.train), OPINIONS.people[PARTS.test]
TOLD = ("political_views", "age", "noise")
POPULATION = gain(
    OPINIONS, PARTS, Population().fit(TRAIN, Inputs()).predict(PEOPLE, PARTS.known(OPINIONS, 0))
)


def scored(predictor, inputs: Inputs) -> float:
    table = predictor.fit(TRAIN, inputs).predict(PEOPLE, PARTS.known(OPINIONS, inputs.known))
    assert table.shape == (len(PEOPLE), OPINIONS.starts[-1])
    assert table.min() > 0
    np.testing.assert_allclose(np.add.reduceat(table, OPINIONS.starts[:-1], axis=1), 1, atol=1e-5)
    return gain(OPINIONS, PARTS, table)


def test_completion_grows_with_what_is_known() -> None:
    found = [scored(Completion(), Inputs(TOLD, known)) for known in (0, 3, 10, None)]
    assert found[0] > POPULATION + 0.02
    assert found[1] > found[0] + 0.02
    assert found[2] > found[1] + 0.02
    assert found[3] > found[2]


def test_completion_of_nothing_is_the_population() -> None:
    fitted = Completion().fit(TRAIN, Inputs())
    table = fitted.predict(PEOPLE, PARTS.known(OPINIONS, 0))
    assert np.ptp(table, axis=0).max() == 0
    np.testing.assert_allclose(table[0], TRAIN.shares(prior=2.0), atol=0.03)


def test_completion_is_the_same_for_the_same_seed_and_uses_weights() -> None:
    inputs, known = Inputs(("age",), 3), PARTS.known(OPINIONS, 3)
    one = Completion(seed=3).fit(TRAIN, inputs).predict(PEOPLE, known)
    np.testing.assert_array_equal(one, Completion(seed=3).fit(TRAIN, inputs).predict(PEOPLE, known))
    heavy = TRAIN.people.with_columns(weight=pl.when(pl.col("age") > 45).then(50.0).otherwise(1.0))
    other = Opinions(heavy, TRAIN.items, TRAIN.answers)
    assert np.abs(Completion().fit(other, Inputs()).predict(PEOPLE, known) - one).max() > 0.05


def test_fold_is_the_mode_of_the_posterior() -> None:
    """Nobody's log posterior is higher at a point that scipy finds."""
    from scipy.optimize import minimize

    data = scores(TRAIN, np.ones((len(TRAIN), 1)), 2, stream(0, "test"))
    factors = learn(data, 2, 5.0, 6)
    known, prior = PARTS.known(OPINIONS, 8)[:5], np.full((5, 2), 0.3)
    points = factors.fold(known, prior)
    for person in range(5):
        items = np.flatnonzero(known[person] != NONE)
        chosen = factors.starts[items] + known[person, items]

        def loss(point: np.ndarray, person=person, chosen=chosen) -> float:
            odds = np.log(factors.mean) + factors.items @ point
            table = softmax(odds[None], factors.starts[:-1], factors.sizes)[0]
            return 0.5 * ((point - prior[person]) ** 2).sum() - np.log(table[chosen]).sum()

        best = minimize(loss, prior[person]).fun
        assert loss(points[person]) < best + 0.02


def test_folding_one_person_in_is_fast() -> None:
    data = scores(TRAIN, np.ones((len(TRAIN), 1)), 8, stream(0, "test"))
    factors = learn(data, 8, 5.0, 3)
    known, prior = PARTS.known(OPINIONS, None)[:1], np.zeros((1, 8))
    factors.fold(known, prior)
    times = []
    for _ in range(50):
        start = time.perf_counter()
        factors.fold(known, prior)
        times.append(time.perf_counter() - start)
    # A millisecond on an idle machine; the least of 50 tries on a busy one.
    assert min(times) < 0.002


@given(st.integers(0, 10_000), st.integers(2, 25), st.integers(1, 6), st.floats(0.1, 1.0))
@settings(deadline=None, max_examples=25)
def test_predictors_take_any_table(seed: int, people: int, items: int, there: float) -> None:
    opinions = planted(people, items, there=there, seed=seed)
    known = masked(opinions, 2, stream(seed, "test.mask"))[0]
    for predictor in (
        Uniform(),
        Population(),
        Group(),
        Classes(),
        Completion(),
        Logistic(ridges=(10.0,)),
    ):
        table = predictor.fit(opinions, Inputs(TOLD, 2)).predict(opinions.people, known)
        assert np.isfinite(table).all() and table.min() >= 0
        np.testing.assert_allclose(np.add.reduceat(table, opinions.starts[:-1], axis=1), 1, atol=1e-5)


@given(st.integers(0, 1000), st.sampled_from([0, 1, 3, None]))
@settings(deadline=None, max_examples=30)
def test_masked_never_tells_what_it_asks(seed: int, known: int | None) -> None:
    opinions = planted(20, 8, seed=seed)
    told, asked = masked(opinions, known, stream(seed, "test.mask"))
    assert not ((told != NONE) & asked).any()
    assert (told[told != NONE] == opinions.answers[told != NONE]).all()
    assert (asked.any(axis=1) == opinions.answered.any(axis=1)).all()
    left = opinions.answered.sum(axis=1) - asked.sum(axis=1)
    expected = left if known is None else np.minimum(left, known)
    np.testing.assert_array_equal((told != NONE).sum(axis=1), expected)


def test_group_chooses_what_tells() -> None:
    fitted = Group().fit(TRAIN, Inputs(TOLD))
    assert fitted.by[0] in {"political_views", "age"}
    assert "noise" not in fitted.by
    assert scored(Group(), Inputs(TOLD)) > POPULATION + 0.02
    # Told only what says nothing, the group is (nearly) everybody.
    assert abs(scored(Group(), Inputs(("noise",))) - POPULATION) < 0.01


def test_group_by_hand() -> None:
    """Twenty left say yes and twenty right no; a stranger gets the population's half."""
    people = pl.DataFrame({"person_id": [str(i) for i in range(40)], "side": ["l"] * 20 + ["r"] * 20})
    codes = np.repeat([[0], [1]], 20, axis=0).astype(np.int16)
    train = Opinions(people.with_columns(weight=pl.lit(1.0)), (Item(name="q", options=("y", "n")),), codes)
    fitted = Group(by=("side",)).fit(train, Inputs(("side",)))
    told = pl.DataFrame({"side": ["l", "r", "new", None]})
    table = fitted.predict(told, np.full((4, 1), NONE))
    # The weakest prior, one answer: (20 + 0.5) / 21.
    np.testing.assert_allclose(table[:2, 0], [20.5 / 21, 0.5 / 21])
    np.testing.assert_allclose(table[2:], 0.5)


def test_classes_find_opinion_groups() -> None:
    found = [scored(Classes(), Inputs((), known)) for known in (0, 3, None)]
    assert abs(found[0] - POPULATION) < 0.01
    assert POPULATION + 0.03 < found[1] < found[2]


def test_regress_agrees_with_sklearn() -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    rng = stream(0, "test.logistic")
    inside = rng.normal(size=(200, 4))
    codes = np.stack([rng.integers(0, 3, 200), (inside[:, 0] + rng.normal(size=200) > 0) * 1], axis=1)
    codes[:40, 1] = NONE
    weights, sizes = rng.uniform(0.5, 2, 200), np.array([3, 2])
    base = np.log(np.repeat(1 / sizes, sizes))
    columns = np.concatenate([inside, np.ones((200, 1))], axis=1)
    found = regress(columns, codes, sizes, weights, 2.0, base)
    odds = softmax(base + columns @ found, np.array([0, 3]), sizes)
    for item, (start, end) in enumerate(((0, 3), (3, 5))):
        there = codes[:, item] != NONE
        # With two options theirs has one coefficient, ours one each way: half the penalty.
        strength = 1 / 2.0 if item == 0 else 1 / 1.0
        peer = linear.LogisticRegression(C=strength, tol=1e-10, max_iter=2000)
        peer.fit(inside[there], codes[there, item], sample_weight=weights[there])
        np.testing.assert_allclose(odds[:, start:end], peer.predict_proba(inside), atol=2e-3)


def test_logistic_uses_attributes_and_answers() -> None:
    found = [scored(Logistic(), Inputs(TOLD, known)) for known in (0, 3, None)]
    assert found[0] > POPULATION + 0.02
    assert found[1] > found[0]
    assert found[2] > found[1]


def test_boosting_uses_attributes_and_answers() -> None:
    pytest.importorskip("lightgbm")
    only = tuple(item.name for item in OPINIONS.items[:8])
    inputs = Inputs(TOLD, None)
    fitted = Boosting(only=only).fit(TRAIN, inputs)
    table = fitted.predict(PEOPLE, PARTS.known(OPINIONS, None))
    np.testing.assert_allclose(np.add.reduceat(table, OPINIONS.starts[:-1], axis=1), 1)
    again = Boosting(only=only).fit(TRAIN, inputs).predict(PEOPLE, PARTS.known(OPINIONS, None))
    np.testing.assert_array_equal(table, again)
    everybody = TRAIN.shares(prior=1.0)
    end = OPINIONS.starts[8]
    np.testing.assert_array_equal(table[:, end:], np.tile(everybody[end:], (len(PEOPLE), 1)))
    rows, columns = np.nonzero(PARTS.asked[:, :8])
    places = OPINIONS.starts[columns] + OPINIONS.answers[PARTS.test][rows, columns]
    assert np.log(table[rows, places]).mean() > np.log(everybody[places]).mean() + 0.05


def test_boosting_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib

    from populace.errors import DataError

    def missing(name: str):
        raise ImportError(f"No module named {name}")

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(DataError, match="baselines"):
        Boosting().fit(TRAIN, Inputs(TOLD))


def test_baselines_fit_the_inputs() -> None:
    assert [each.name for each in baselines(Inputs((), 3))] == ["latent classes", "logistic", "completion"]
    assert "boosting" in [each.name for each in baselines(Inputs(TOLD), boosted=("q0",))]


@pytest.mark.parametrize("predictor", [Group(), Completion()])
def test_attributes_that_cannot_be_used_are_named(predictor):
    with pytest.raises(DataError, match="people have no attribute nope"):
        predictor.fit(OPINIONS, Inputs(("nope",), 0))
    lists = pl.Series("tags", [["a"]] * len(OPINIONS))
    odd = replace(OPINIONS, people=OPINIONS.people.with_columns(lists))
    with pytest.raises(DataError, match="must be text or numbers"):
        predictor.fit(odd, Inputs(("tags",), 0))
