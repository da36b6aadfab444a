"""People who were drawn more than once: their ids, and what a second row may count for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from populace.cli import app
from populace.errors import DataError
from populace.population import Mean, Population, Provenance, Quantile, Share, build, estimate, fit, shares_of
from populace.population.ids import base_id, clusters, distinct, person_weights

VERMONT = Path(__file__).resolve().parents[2] / "shared" / "data" / "acs_pums_2024" / "p_50.parquet"
needs_data = pytest.mark.skipif(not VERMONT.exists(), reason="shared PUMS extract is absent")

FROM = Provenance(
    source="toy",
    citation="made up",
    files=(),
    vintage="2024",
    geography="nowhere",
    states=None,
    codebook="none",
    codebook_hash="",
    seed=0,
    size=60,
    adults=False,
    weight="weight",
    stands_for=1.0,
    licence="none",
)


def toy(size: int = 60) -> Population:
    rng = np.random.default_rng(0)
    frame = {
        "person_id": [f"p-{i}" for i in range(size)],
        "sex": rng.choice(["F", "M"], size),
        "x": rng.normal(size=size),
        "weight": rng.integers(1, 9, size).astype(float),
    }
    return Population(pl.DataFrame(frame), FROM)


def homes(count: int = 30) -> Population:
    rows = [
        {"person_id": f"2024HU{h:07}-{m + 1:02}", "NP": n, "AGEP": 20 + m, "sex": "FM"[m % 2],
         "weight": 1.0 + h}
        for h in range(count)
        for n in [1 + h % 4]
        for m in range(n)
    ]  # fmt: skip
    return Population(pl.DataFrame(rows), FROM)


def width(frame: pl.DataFrame, figure) -> float:
    found = estimate(frame, figure)
    return found.high - found.low


def test_ids_of_those_drawn_again_by_hand():
    # `-2` at the end belongs to the id; only the mark of a draw is taken off.
    ids = pl.DataFrame({"person_id": ["2024HU1-01~2", "gss-2022-2", "us-2024-0-7~12", "a~b"]})
    base = ids.select(base_id("person_id")).to_series().to_list()
    assert base == ["2024HU1-01", "gss-2022-2", "us-2024-0-7", "a~b"]


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.booleans())
def test_ids_stay_unique_however_often_a_sample_is_drawn_from(seed, times, replace):
    people = toy(12)
    known = set(people.frame["person_id"])
    for _ in range(times):
        people = people.sample(40, seed=seed, replace=replace)
        ids = people.frame["person_id"]
        assert ids.n_unique() == 40
        assert set(people.frame.select(base_id("person_id")).to_series()) <= known


@given(st.integers(0, 2**32 - 1))
def test_households_stay_whole_and_unique_however_often_they_are_drawn(seed):
    people = homes()
    for size in (60, 50, 70):
        people = people.sample(size, seed=seed, households=True)
        frame = people.frame
        assert frame["person_id"].is_unique().all() and frame["household_id"].n_unique() == size
        assert frame.select((pl.len().over("household_id") == pl.col("NP")).all()).item()


@pytest.mark.parametrize(
    "first",
    [
        {"size": 40},
        {"size": 5, "once": True},
        {"size": 40, "strata": "sex"},
    ],
)
def test_households_are_not_drawn_from_people_drawn_one_by_one(first):
    # Nothing in these rows shows that members are missing: all are adults, and many households have one here.
    drawn = homes().sample(**first, seed=0)
    for people in (drawn, drawn.sample(20, seed=1), Population(drawn.frame.drop("NP"), drawn.provenance)):
        with pytest.raises(DataError, match="drawn one by one, so their households are not whole"):
            people.sample(5, seed=0, households=True)


@needs_data
def test_households_are_not_drawn_from_a_sized_build(tmp_path):
    build(VERMONT, size=300, seed=1, adults=True).save(tmp_path / "a.parquet")
    loaded = Population.load(tmp_path / "a.parquet")
    assert loaded.provenance.drawn
    with pytest.raises(DataError, match="drawn one by one"):
        loaded.sample(5, seed=0, households=True)
    whole = build(VERMONT, adults=True)
    assert not whole.provenance.drawn and len(whole.sample(5, seed=0, households=True)) >= 5


def test_one_person_a_thousand_times_is_one_record():
    people = build("us-2024", size=4000, seed=3, states=[50])
    few = people.sample(3, seed=0, once=True).sample(1000, seed=0, replace=True)
    assert len(few) == 1000
    with pytest.raises(DataError, match="records are too few"):
        fit(few)
    # 4,000 drawn from 2,000 know 2,000 at most; nothing they hold stands for fewer than 20 of these.
    more = people.sample(2000, seed=0, once=True).sample(4000, seed=0, replace=True)
    model = fit(more)
    persons = more.frame.select(base_id("person_id").n_unique()).item()
    assert int(model.info["records"]) == persons <= 2000
    assert float(model.info["people"]) == pytest.approx(more.frame["weight"].sum())
    # Rows given once with their weights added up teach the same, to the last bit.
    once = Population(distinct(more.frame), more.provenance)
    assert fit(once).draw(50, seed=1).equals(model.draw(50, seed=1))


def test_the_command_counts_records_not_rows(tmp_path):
    people, model = tmp_path / "people.parquet", tmp_path / "model.parquet"
    build("us-2024", size=6000, seed=3).sample(2500, seed=0, once=True).sample(
        3000, seed=0, replace=True
    ).save(people)
    frame = Population.load(people).frame
    persons = frame.select(base_id("person_id").n_unique()).item()
    done = CliRunner().invoke(app, ["population", "fit", str(people), "--out", str(model)])
    assert done.exit_code == 0, done.exception
    assert f"learned from {persons:,} records" in done.output and "3,000 records" not in done.output
    more = CliRunner().invoke(
        app, ["population", "sample", str(people), "--size", "9000", "--out", str(model.with_stem("more"))]
    )
    assert f"{persons:,} different people among them" in more.output
    assert "3,000 rows: people who were drawn more than once are one record each" in done.output


def test_distinct_people_by_hand():
    frame = pl.DataFrame({"person_id": ["b", "a", "b~2", "b~3"], "weight": [1, 5, 2, 4], "x": [7, 8, 7, 7]})
    assert distinct(frame).rows() == [("b", 7.0, 7), ("a", 5.0, 8)]
    assert person_weights(frame, frame["weight"].to_numpy()).tolist() == [5.0, 7.0]
    assert distinct(frame[:2]) is not None and distinct(frame[:2]).equals(frame[:2])


def test_clusters_by_hand():
    ids = ["2024HU1-01", "2024HU1-02", "2024HU1-01~2", "2024HU2-01~2", "2024HU2-01"]
    unit, units, by = clusters(pl.DataFrame({"person_id": ids}))
    assert (unit.tolist(), units, by) == ([0, 0, 0, 1, 1], 2, "household")
    unit, units, by = clusters(pl.DataFrame({"person_id": ["a-1", "a-2", "a-1~2"]}))
    assert (unit.tolist(), units, by) == ([0, 1, 0], 2, "person")
    mixed = pl.DataFrame({"person_id": ["2024HU1-01", "x", None, "x~2", "2024HU1-02"]})
    unit, units, by = clusters(mixed)
    assert (unit.tolist(), units, by) == ([0, 1, 2, 1, 0], 3, "household or person")
    homes_ = pl.DataFrame({"household_id": ["h", "h~2", "g"], "person_id": ["1", "1~2", "2"]})
    unit, units, by = clusters(homes_)
    assert (unit.tolist(), units, by) == ([1, 1, 0], 2, "household")
    assert clusters(pl.DataFrame({"x": [1, 2]}))[1:] == (2, "person")


@pytest.mark.parametrize("figure", [Share("sex", "F"), Mean("x"), Quantile("x", 0.5)])
def test_rows_given_four_times_narrow_nothing(figure):
    frame = toy().frame.with_columns(weight=pl.lit(2.0))
    four = pl.concat(
        frame.with_columns(pl.format("{}{}", "person_id", pl.lit(mark))) for mark in ("", "~2", "~3", "~4")
    )
    assert width(four, figure) == pytest.approx(width(frame, figure), rel=1e-9)
    assert estimate(four, figure).clusters == 60 and estimate(four, figure).n == 240


@needs_data
def test_a_large_sample_of_few_people_is_as_uncertain_as_they_are():
    # 100,000 rows from the 6,938 of Vermont: no narrower than the survey itself, and by household.
    whole, drawn = build(VERMONT).frame, build(VERMONT, size=100_000, seed=0).frame
    for figure in (Share("sex", "Female"), Mean("age")):
        found = estimate(drawn, figure)
        assert 0.95 < width(drawn, figure) / width(whole, figure) < 1.05
        assert found.method == "linearised, by household" and found.clusters <= 6938


def test_nobody_is_not_certainly_nobody():
    # With replicate weights every replicate says 0 as well. Four people of one weight: 1 - 0.025^(1/4).
    frame = pl.DataFrame(
        {"person_id": list("abcd"), "x": ["u"] * 4, "weight": [1.0] * 4}
        | {f"replicate_{n}": [1.0, 2.0, 0.0, 1.0] for n in range(1, 5)}
    )
    far = 1 - 0.025**0.25
    nobody, all_ = estimate(frame, Share("x", "v")), estimate(frame, Share("x", "u"))
    assert (nobody.value, nobody.low, nobody.high) == (0, 0, pytest.approx(far))
    assert (all_.value, all_.low, all_.high) == (1, pytest.approx(1 - far), 1)
    assert "Clopper and Pearson" in nobody.method
    # Two rows of a person are one: c and d are b again, of two persons with weights 1 and 3, n = 16 / 10.
    twice = frame.drop("^replicate_.*$").with_columns(person_id=pl.Series(["a", "b", "b~2", "b~3"]))
    assert estimate(twice, Share("x", "v")).high == pytest.approx(1 - 0.025 ** (10 / 16))


def naive_quantile(values, weights, share):
    """Try every value from the least up."""
    total = sum(weights)
    for value in sorted(set(values)):
        if sum(w for v, w in zip(values, weights, strict=True) if v <= value) >= share * total * (1 - 1e-12):
            return value
    return max(values)


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(-3, 9)), min_size=1, max_size=20),
    st.sampled_from([0.1, 0.25, 0.5, 0.75, 0.9]),
)
def test_quantiles_bear_negative_replicate_weights(pairs, share):
    values, weights = (list(each) for each in zip(*pairs, strict=True))
    frame = pl.DataFrame({"x": values})
    found = Quantile("x", share)(frame, np.array(weights, dtype=float))
    if sum(weights) <= 0:
        assert np.isnan(found)
    else:
        assert found == naive_quantile(values, weights, share)


def test_a_value_that_cannot_be_is_named():
    frame = pl.DataFrame({"n": [1, 2], "s": ["a", None], "b": [True, False], "weight": [1.0, 1.0]})
    bad = (("n", "a"), ("s", 1), ("s", True), ("b", "yes"))
    for column, value in bad:
        with pytest.raises(DataError, match=f"column {column}: .*cannot be a value of this column"):
            estimate(frame, Share(column, value))
    for column, value in (("n", 1), ("s", "a"), ("b", True), ("s", None)):
        assert estimate(frame, Share(column, value)).value == 0.5
    assert estimate(frame.with_columns(e=pl.lit(None)), Share("e", "a")).value == 0


def test_a_table_has_every_column_once():
    frame = pl.DataFrame({"sex": ["F", "M"], "value": [1, 2], "weight": [1.0, 1.0]})
    with pytest.raises(DataError, match="column sex: this column is asked for twice"):
        shares_of(frame, "sex", by="sex")
    with pytest.raises(DataError, match="column weight: this column is asked for twice"):
        shares_of(frame, "sex", by=["weight", "weight"])
    with pytest.raises(DataError, match="column value: the table has a column of this name"):
        shares_of(frame, "sex", by="value")
