"""Post-stratification: a biased sample of a planted population is mended, and intervals hold the truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from populace.errors import DataError
from populace.opinions import Item, Opinions
from populace.opinions.multilevel import _contrasts, _mode, design_of, fit_multilevel
from populace.opinions.poststratify import poststratify, predicted_opinion
from populace.opinions.strata import strata

AGES = np.array([22, 35, 50, 70])
RACES = np.array(["White alone", "Black or African American alone", "Asian alone"])
SCHOOLS = np.array(["Grade 9", "GED", "Associate's degree", "Bachelor's degree", "Doctorate"])
STATES = np.array(["Ohio", "Texas", "Maine", "Utah"])


def _world(people=60_000, items=8, seed=0):
    """Plant a population, and the probabilities of every person's answers."""
    rng = np.random.default_rng(seed)
    codes = {
        "age": rng.integers(0, 4, people),
        "race": rng.choice(3, people, p=[0.7, 0.2, 0.1]),
        "education": rng.choice(5, people, p=[0.1, 0.3, 0.3, 0.2, 0.1]),
        "sex": rng.integers(0, 2, people),
        "state": rng.integers(0, 4, people),
    }
    frame = pl.DataFrame(
        {
            "person_id": np.arange(people).astype(str),
            "weight": np.ones(people),
            "age": AGES[codes["age"]],
            "race": RACES[codes["race"]],
            "hispanic_origin": "Not Hispanic",
            "education": SCHOOLS[codes["education"]],
            "sex": np.array(["Female", "Male"])[codes["sex"]],
            "state": STATES[codes["state"]],
        }
    )
    truths = []
    for _ in range(items):
        size = int(rng.integers(2, 5))
        odds = np.tile(rng.normal(0, 0.6, size), (people, 1))
        for code in codes.values():
            odds += rng.normal(0, 0.7, (code.max() + 1, size))[code]
        table = np.exp(odds)
        truths.append(table / table.sum(axis=1, keepdims=True))
    # The old, the White and the learned answer surveys.
    luck = 0.6 * codes["age"] + 0.7 * codes["education"] - 0.8 * codes["race"]
    return frame, truths, np.exp(luck) / np.exp(luck).sum(), rng


def _survey(frame, truths, chances, rng, size=1500):
    rows = rng.choice(frame.height, size, replace=False, p=chances)
    answers = np.stack(
        [(rng.random(size)[:, None] > np.cumsum(t[rows], axis=1)).sum(axis=1) for t in truths], axis=1
    )
    items = tuple(
        Item(name=f"q{i}", options=tuple(f"o{k}" for k in range(t.shape[1]))) for i, t in enumerate(truths)
    )
    return Opinions(
        frame[rows], items, np.minimum(answers, [t.shape[1] - 1 for t in truths]).astype(np.int16)
    )


@pytest.fixture(scope="module")
def mended():
    frame, truths, chances, rng = _world()
    opinions = _survey(frame, truths, chances, rng)
    found = poststratify(opinions, frame, by=["race", "age"], draws=300)
    truth = {
        (f"q{i}", None, f"o{k}"): t[:, k].mean() for i, t in enumerate(truths) for k in range(t.shape[1])
    }
    levels = strata(frame)
    for factor in ("race", "age"):
        for group in levels[factor].unique():
            inside = (levels[factor] == group).to_numpy()
            truth |= {
                (f"q{i}", group, f"o{k}"): t[inside, k].mean()
                for i, t in enumerate(truths)
                for k in range(t.shape[1])
            }
    wanted = [truth[row] for row in found.select("item", "group", "option").iter_rows()]
    return found.with_columns(pl.Series("truth", wanted))


def test_a_biased_sample_is_mended(mended):
    everybody = mended.filter(pl.col("group").is_null())
    error = (everybody["value"] - everybody["truth"]).abs().mean()
    raw = (everybody["raw"] - everybody["truth"]).abs().mean()
    assert error < 0.5 * raw and error < 0.02 < raw
    sums = mended.group_by("item", "factor", "group").agg(pl.col("value").sum())["value"]
    assert np.allclose(sums, 1)


def test_intervals_hold_the_truth(mended):
    for part in (mended.filter(pl.col("group").is_null()), mended.drop_nulls("group")):
        inside = ((part["low"] <= part["truth"]) & (part["truth"] <= part["high"])).mean()
        assert inside >= 0.88
    # And they are not wide for safety: few more than the raw share's own.
    groups = mended.drop_nulls("group")
    assert (groups["high"] - groups["low"]).mean() < 1.3 * (
        groups["survey_high"] - groups["survey_low"]
    ).mean()


def test_small_groups_gain_from_the_others(mended):
    few = mended.filter(pl.col("group") == "Asian")
    assert few["n"].max() < 150
    error, raw = ((few[name] - few["truth"]).abs().mean() for name in ("value", "raw"))
    assert error < raw


def test_the_surveys_own_estimate_by_hand():
    people = pl.DataFrame(
        {
            "person_id": [str(i) for i in range(40)],
            "weight": [1.0] * 20 + [3.0] * 20,
            "sex": ["Male", "Female"] * 20,
        }
    )
    answers = np.array([[0]] * 20 + [[1]] * 20, dtype=np.int16)
    opinions = Opinions(people, (Item(name="q", options=("Yes", "No")),), answers)
    found = poststratify(opinions, people, by=["sex"], draws=50)
    row = found.row(0, named=True)
    assert (row["survey"], row["raw"], row["n"]) == (0.25, 0.5, 40)
    # Residuals 20 of 1 * 0.75 and 20 of 3 * -0.25: (20 * 0.5625 + 20 * 0.5625) / 80^2 over 0.25 * 0.75 / 40.
    assert row["design_effect"] == pytest.approx(22.5 / 6400 / (0.1875 / 40))
    # Who answers what hangs on no factor: the estimate is the survey's weighted share, drawn a bit inwards.
    assert row["value"] == pytest.approx(0.25, abs=0.03)
    assert found["group"].to_list() == [None] * 2 + ["Female"] * 2 + ["Male"] * 2
    again = poststratify(opinions, people, by=["sex"], draws=50)
    assert again.equals(found)


def test_what_does_not_fit_is_refused():
    people = pl.DataFrame({"person_id": ["a"], "weight": [1.0], "sex": ["Male"]})
    opinions = Opinions(people, (Item(name="q", options=("Y", "N")),), np.array([[0]], dtype=np.int16))
    assert poststratify(opinions, people).is_empty()
    with pytest.raises(DataError, match="share no factor"):
        poststratify(opinions, pl.DataFrame({"weight": [1.0], "age": [30]}))
    with pytest.raises(DataError, match="is no factor"):
        poststratify(opinions, people, by=["race"])
    with pytest.raises(DataError, match="no people with a weight"):
        poststratify(opinions, people.with_columns(weight=0.0))
    with pytest.raises(DataError, match="has no levels"):
        strata(pl.DataFrame({"income": [1]}), ["income"])
    with pytest.raises(DataError, match="which region is read from"):
        strata(people, ["region"])


def test_levels_of_attributes():
    people = pl.DataFrame(
        {
            "age": [18, 29, 30, 64, None],
            "race": ["White alone", None, "Two or More Races", "Black or African American alone", None],
            "hispanic_origin": [None, "Cuban", "Not Hispanic", "Not Hispanic", None],
            "education": ["GED", "College, under 1 year", "Master's degree", "12th grade, no diploma", None],
            "state": ["New York", "District of Columbia", "North Dakota", "Hawaii", "Elsewhere"],
        }
    )
    found = strata(people)
    assert found["age"].to_list() == ["18 to 29", "18 to 29", "30 to 44", "45 to 64", None]
    assert found["race"].to_list() == ["White", "Hispanic", "Other", "Black", None]
    assert found["education"].to_list() == ["high school", "some college", "graduate", "less", None]
    assert found["region"].to_list() == ["Northeast", "South", "Midwest", "West", None]


@settings(deadline=None, max_examples=15)
@given(st.integers(2, 4), st.integers(0, 10_000))
def test_the_mode_is_where_a_naive_search_finds_it(size, seed):
    from scipy.optimize import minimize

    rng = np.random.default_rng(seed)
    matrix = np.concatenate([np.ones((6, 1)), rng.integers(0, 2, (6, 3))], axis=1).astype(float)
    counts, contrasts = rng.integers(0, 9, (6, size)).astype(float), _contrasts(size)
    precision = np.array([0.1, 1.0, 2.0, 5.0])
    found, covariance = _mode(matrix, counts, contrasts, np.zeros((4, size - 1)), precision)

    def loss(flat):
        effects = flat.reshape(4, size - 1)
        odds = matrix @ effects @ contrasts.T
        logs = odds - np.log(np.exp(odds).sum(axis=1, keepdims=True))
        return (precision[:, None] * effects**2).sum() / 2 - (counts * logs).sum()

    wanted = minimize(loss, np.zeros(found.size), method="BFGS", options={"gtol": 1e-7})
    assert found.ravel() == pytest.approx(wanted.x, abs=1e-3)
    assert np.all(np.linalg.eigvalsh(covariance) > 0)
    # The curvature is that of the loss, by differences.
    flat, step = found.ravel(), 1e-4
    nudge = np.eye(flat.size)[0] * step
    second = (loss(flat + nudge) - 2 * loss(flat) + loss(flat - nudge)) / step**2
    assert np.linalg.inv(covariance)[0, 0] == pytest.approx(second, rel=1e-3)


def test_spreads_come_back():
    rng = np.random.default_rng(1)
    levels = pl.DataFrame(
        {
            "a": [f"{i:02d}" for i in range(40) for _ in range(40)],
            "b": [f"{i:02d}" for _ in range(40) for i in range(40)],
        }
    )
    odds = np.repeat(rng.normal(0, 0.8, 40), 40) + np.tile(rng.normal(0, 0.05, 40), 40)
    p = 1 / (1 + np.exp(-odds * np.sqrt(2)))
    hits = rng.binomial(10, p)
    found = fit_multilevel(levels, np.stack([hits, 10 - hits], axis=1).astype(float), design_of(levels, []))
    assert found.spreads["a",] == pytest.approx(0.8, abs=0.25) and found.spreads["b",] < 0.15


def test_predictions_of_a_model_by_hand():
    people = pl.DataFrame({"weight": [1.0, 1.0, 2.0, 5.0], "age": [20, 25, 70, 80]})
    items = [Item(name="a", options=("Y", "N")), Item(name="b", options=("1", "2", "3"))]
    table = np.array(
        [[1, 0, 1, 0, 0], [0, 1, 1, 0, 0], [0.5, 0.5, 0, 0, 1], [np.nan] * 2 + [0, 1, 0]], dtype=float
    )
    found = predicted_opinion(items, people, table, by=["age"])
    rows = {(r["item"], r["group"], r["option"]): r for r in found.iter_rows(named=True)}
    assert rows["a", None, "Y"]["value"] == 0.5 and rows["a", None, "Y"]["n"] == 3
    assert rows["b", "65 and over", "3"]["value"] == pytest.approx(2 / 7)
    # Two people of (1, 0): moved by 1/4 each, variance 2 * (2 / 16); Student's t of one degree of freedom.
    assert rows["a", "18 to 29", "Y"]["low"] == 0.0 and rows["a", "18 to 29", "Y"]["high"] == 1.0
    assert np.isnan(rows["a", "65 and over", "Y"]["low"]) and rows["a", "65 and over", "Y"]["n"] == 1
    with pytest.raises(DataError, match="does not fit"):
        predicted_opinion(items, people, table[:, 1:])


def test_the_command(tmp_path):
    from typer.testing import CliRunner

    from populace.cli.opinions import app
    from populace.opinions.saving import save

    frame, truths, chances, rng = _world(4000, 2)
    save(_survey(frame, truths, chances, rng, 400), tmp_path / "o.parquet")
    given = ["poststratify", str(tmp_path / "o.parquet"), "--size", "500", "--item", "q1", "--by", "sex"]
    done = CliRunner().invoke(app, [*given, "--out", str(tmp_path / "e.csv")])
    assert done.exit_code == 0 and "Female" in done.output, done.output
    read = pl.read_csv(tmp_path / "e.csv")
    assert read["item"].unique().to_list() == ["q1"] and set(read["group"]) == {None, "Male", "Female"}


GSS = Path(__file__).parents[2] / "shared" / "data" / "gss" / "gss_panel20.rda"


@pytest.mark.slow
@pytest.mark.skipif(not GSS.exists(), reason="the GSS panel is not here")
def test_on_the_gss():
    from populace.opinions import read_opinions
    from populace.population import build

    opinions = read_opinions(GSS, "gss", later=True)
    census = build("us-2024", size=20_000, seed=1, adults=True)
    names = [opinions.items[i].name for i in np.argsort(-opinions.answered.sum(axis=0), kind="stable")[:5]]
    found = poststratify(opinions, census, items=names, by=["race"], draws=200)
    everybody = found.filter(pl.col("group").is_null())
    # The survey is weighted well: the census moves it, but not by much.
    assert (everybody["value"] - everybody["survey"]).abs().max() < 0.08
    assert everybody["design_effect"].min() > 1
