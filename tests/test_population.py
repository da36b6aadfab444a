"""Populations: building, sampling, saving, comparing, the embedded model, and the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from populace import population
from populace.errors import DataError
from populace.population.codebook import load_codebook
from populace.population.columns import with_labels
from populace.population.comparison import compare
from populace.population.sampling import draw_rows
from populace.population.us2024 import coding
from populace.population.us2024.source import CENSUS_FILE, MODEL_FILE, census, model

DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "acs_pums_2024"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="shared PUMS extract is absent")
BOOK = load_codebook("acs_pums")


@pytest.fixture(scope="module")
def everyone() -> population.Population:
    return population.build("us-2024", size=20_000, seed=11)


def test_columns_are_those_of_the_contract(everyone):
    frame = everyone.frame
    assert frame.columns[:4] == ["person_id", "weight", "STATE", "AGEP"]
    assert frame.columns[-26:] == list(BOOK.attributes)
    assert frame["person_id"].n_unique() == frame.height == 20_000
    assert frame["age"].dtype == frame["income"].dtype == pl.Int64
    # 340,110,990 people live in the United States; each drawn one stands for as many as any other.
    np.testing.assert_allclose(frame["weight"], 340_110_990 / 20_000, rtol=1e-9)
    assert everyone.provenance.stands_for == pytest.approx(340_110_990)
    for code, attribute in (
        ("OCCP", "occupation_category"),
        ("HHT", "household_type"),
        ("MIL", "veteran_status"),
    ):
        assert frame[code].is_null().equals(frame[attribute].is_null())


def test_what_cannot_be_never_is(everyone):
    people = everyone.frame
    age, quarters = people["AGEP"], people["HHT"].is_null()
    for column, first in (("ESR", 16), ("MIL", 17), ("PINCP", 15), ("SCHL", 3), ("DREM", 5), ("LANX", 5)):
        assert people[column].is_null().equals(age < first), column
    assert people["FER"].is_not_null().equals((people["SEX"] == 2) & age.is_between(15, 50))
    assert people.filter((age < 15) & (pl.col("MAR") != 5)).is_empty()
    for column in ("HINCP", "HHL", "TEN"):
        assert people[column].is_null().equals(quarters), column
    assert people["FPARC"].is_not_null().equals(people["HHT"].is_in([1, 2, 3]).fill_null(False))
    # Without a job in five years there is no occupation, no industry and no class of worker.
    assert people["OCCP"].is_null().equals(people["COW"].is_null())
    assert people["INDP"].is_null().equals(people["COW"].is_null())
    assert people.filter(pl.col("ESR").is_in([1, 2, 4, 5]) & pl.col("COW").is_null()).is_empty()
    assert people["ENG"].is_not_null().equals((people["LANX"] == 1).fill_null(False))
    assert people["NATIVITY"].equals((people["CIT"] >= 4).cast(pl.Int32) + 1, check_names=False)
    # Who has one of the difficulties is counted as disabled.
    hard = pl.any_horizontal((pl.col(c) == 1).fill_null(False) for c in ("DEAR", "DEYE", "DREM", "DPHY"))
    assert people.filter(hard & (pl.col("DIS") == 2)).is_empty()
    alone = people.filter(pl.col("HHT").is_in([4, 6]))
    assert (alone["NP"] == 1).all()
    # Who lives alone has one income under two names.
    both = alone.filter(pl.col("PINCP").is_not_null())
    assert (both["PINCP"] == both["HINCP"]).mean() > 0.99


def test_same_seed_same_bytes(tmp_path):
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        population.build("us-2024", size=500, seed=seed).save(tmp_path / f"{name}.parquet")
    a, b, c = ((tmp_path / f"{name}.parquet").read_bytes() for name in "abc")
    assert a == b != c
    loaded = population.Population.load(tmp_path / "a.parquet")
    expected = population.build("us-2024", size=500, seed=3)
    assert loaded.frame.equals(expected.frame)
    assert loaded.provenance == expected.provenance


def test_adults_and_states_are_cut():
    people = population.build("us-2024", size=400, seed=0, adults=True, states=[50, 11])
    assert people.frame["AGEP"].min() >= 18
    assert set(people.frame["state"]) == {"Vermont", "District of Columbia"}
    assert people.provenance.geography == "District of Columbia, Vermont"
    # Vermont has 648,493 people and the District 702,250 in the file; most of them are adults.
    assert 0.9e6 < people.provenance.stands_for < 1.3e6


def test_margins_are_near_the_census(everyone):
    found = population.census_fidelity(everyone)
    assert len(found.margins) >= 24
    for margin in found.margins:
        assert margin.total_variation < 3 * margin.noise + 0.012, margin


def test_unequal_weights_count_for_fewer_people(everyone):
    # Half the people weigh three times the others: Kish's n is (3 + 1)² / (2 · (9 + 1)) = 0.8 of them, so
    # sampling noise grows by 1 / √0.8 = 1.118.
    heavy = everyone.frame.with_columns(weight=pl.Series(np.tile([1.0, 3.0], 10_000)))
    uneven = population.census_fidelity(population.Population(heavy, everyone.provenance))
    even = population.census_fidelity(everyone)
    by = {margin.variables: margin.noise for margin in even.margins}
    for margin in uneven.margins:
        if margin.variables in {("sex",), ("age",), ("race",)}:
            assert margin.noise / by[margin.variables] == pytest.approx(1.118, rel=1e-3)


def test_drawing_is_fast_enough_to_be_used():
    # A guard against a lost vectorisation, an order of magnitude below what a free core does.
    import time

    population.build("us-2024", size=1000)
    started = time.perf_counter()
    model().draw(60_000, seed=0)
    assert time.perf_counter() - started < 6


def test_stored_facts_keep_their_promises():
    assert MODEL_FILE.stat().st_size + CENSUS_FILE.stat().st_size <= 2_500_000
    facts = census()
    assert model().min_records == 20
    assert model().info["citation"] == facts.citation == "2024 ACS 1-year PUMS, U.S. Census Bureau"
    assert facts.records == 3_422_888 and facts.people == 340_110_990
    assert sum(cell.share for cell in facts.ages) == pytest.approx(1, abs=1e-5)
    shares = population.census_margins(adults=True)
    totals = shares.group_by("attribute").agg(pl.col("share").sum())["share"]
    # Values seen in fewer than 20 records are left out.
    assert totals.is_between(0.999, 1 + 1e-6).all()
    # Every value that is drawn has a label.
    for variable in model().variables:
        if variable.kind == "nominal":
            labels = BOOK.variables[variable.name]
            assert all(labels.label_of(value) is not None for value in variable.values), variable.name


def test_brackets_by_hand():
    frame = pl.DataFrame({"x": [None, -5, 0, 1, 9_999, 10_000, 499_999, 500_000]})
    assert frame.select(coding.bracket("x")).to_series().to_list() == [0, 1, 2, 3, 3, 4, 20, 21]


@given(
    weights=st.lists(st.integers(0, 9), min_size=1, max_size=30).filter(any),
    size=st.integers(0, 60),
    seed=st.integers(0, 2**32 - 1),
)
def test_systematic_draws_come_as_often_as_they_weigh(weights, size, seed):
    weight = np.array(weights, dtype=float)
    rows = draw_rows(weight, size, np.random.default_rng(seed), replace=False)
    times = np.bincount(rows, minlength=len(weight))
    expected = size * weight / weight.sum()
    assert times.sum() == size
    assert (np.abs(times - expected) < 1 + 1e-9).all()
    assert (times[weight == 0] == 0).all()


def test_systematic_draws_start_at_random():
    # Ten people of one weight, three drawn: everybody comes with probability 0.3 (standard error 0.023).
    drawn = [draw_rows(np.ones(10), 3, np.random.default_rng(seed), replace=False) for seed in range(400)]
    share = np.bincount(np.concatenate(drawn), minlength=10) / 400
    np.testing.assert_allclose(share, 0.3, atol=0.1)


def test_draws_with_replacement_are_independent():
    rows = draw_rows(np.array([1.0, 3.0]), 10_000, np.random.default_rng(0), replace=True)
    # Binomial with p = 3/4: standard deviation 0.0043.
    assert rows.mean() == pytest.approx(0.75, abs=0.02)
    runs = (rows[1:] != rows[:-1]).mean()
    # Neighbours differ with probability 2 · 1/4 · 3/4 = 0.375; a systematic draw would hardly alternate.
    assert runs == pytest.approx(0.375, abs=0.02)


def tiny(weights: list[float]) -> population.Population:
    frame = pl.DataFrame(
        {"person_id": [f"p{i}" for i in range(len(weights))], "weight": weights, "AGEP": range(len(weights))}
    )
    made = population.build("us-2024", size=1, seed=0).provenance
    return population.Population(with_labels(frame, BOOK), made)


def test_samples_weigh_the_same_and_name_repeats():
    sample = tiny([1, 0, 6, 1]).sample(4, seed=0)
    assert sample.frame["weight"].to_list() == [2.0] * 4
    assert sample.provenance.size == 4
    ids = sample.frame["person_id"].to_list()
    # Person 2 holds three quarters of the weight: three of four draws, told apart by number.
    assert len(set(ids)) == 4 and {"p2", "p2~2", "p2~3"} <= set(ids)
    assert "p1" not in ids
    with pytest.raises(DataError, match="all weights are zero"):
        tiny([0, 0]).sample(1, seed=0)


def test_total_variation_by_hand():
    # Sex: (1/2, 1/2) against (1/4, 3/4) differ by 1/4. Sex by age band 0 or 4: our people are (1, 0) and
    # (2, 4), each half; theirs are (1, 0): 1/4, (2, 0): 1/4, (2, 4): 1/2. Half of 1/4 + 1/4 + 0 is 1/4.
    ours = pl.DataFrame({"weight": [2.0, 2.0], "STATE": [1, 1], "AGEP": [1, 20], "SEX": [1, 2]})
    theirs = pl.DataFrame({"weight": [1, 1, 2], "STATE": [1, 1, 1], "AGEP": [0, 4, 24], "SEX": [1, 2, 2]})
    found = compare(ours, theirs)
    by = {margin.variables: margin for margin in found.margins}
    assert by["SEX",].total_variation == pytest.approx(0.25)
    assert by["AGE5",].total_variation == pytest.approx(0)
    assert by["SEX", "AGE5"].total_variation == pytest.approx(0.25)
    # Two people drawn from (1/4, 3/4): 2 · √(2 · 3/16 / 2π) / 2 = 0.2443.
    assert by["SEX",].noise == pytest.approx(0.2443, abs=1e-4)


def test_unreleased_states_are_left_out_on_both_sides():
    # State 6 does not release marital status: our people there do not count for it, but do for sex.
    ours = pl.DataFrame(
        {
            "weight": [1.0] * 4,
            "STATE": [1, 1, 6, 6],
            "AGEP": [30] * 4,
            "SEX": [1, 2, 2, 2],
            "MAR": [1, 5, 2, 2],
        }
    )
    theirs = ours.with_columns(MAR=pl.when(pl.col("STATE") == 1).then(pl.col("MAR")))
    found = compare(ours, theirs)
    assert all(margin.total_variation == pytest.approx(0) for margin in found.margins)
    assert ("MAR",) in {margin.variables for margin in found.margins}


def test_household_types_are_compared_by_what_the_census_has(everyone):
    # A file with HHT2 has finer labels; its margin is still that of HHT.
    finer = everyone.frame.with_columns(HHT2=pl.when(pl.col("HHT").is_not_null()).then(pl.lit(1)))
    assert population.margins(finer).equals(population.margins(everyone.frame))


@needs_data
def test_microdata_is_its_own_mirror():
    people = population.build(DATA / "p_50.parquet")
    assert len(people) == 6938 and people.provenance.stands_for == 648_493
    assert people.provenance.vintage == "2024" and people.provenance.geography == "Vermont"
    assert [file.name for file in people.provenance.files] == ["p_50.parquet", "h_50.parquet"]
    found = population.fidelity(people, DATA / "p_50.parquet")
    assert max(margin.total_variation for margin in found.margins) < 1e-12
    assert found.summary(2)["margins"] > 300


@needs_data
def test_samples_of_microdata_are_near_it():
    sample = population.build(DATA / "p_56.parquet", size=2000, seed=1, adults=True)
    assert sample.frame["age"].min() >= 18 and sample.frame["weight"].n_unique() == 1
    assert sample.frame["household_type"].null_count() == 2000
    found = population.fidelity(sample, DATA / "p_56.parquet").summary(1)
    # As near as an honest sample of that size.
    assert found["mean"] < 1.2 * found["noise_mean"]


@needs_data
def test_a_state_drawn_from_the_model_resembles_its_people():
    drawn = population.build("us-2024", size=20_000, seed=5, states=[50])
    found = population.fidelity(drawn, DATA / "p_50.parquet")
    assert found.summary(1)["mean"] < 0.04
    assert {margin.variables[0] for margin in found.of(1)[:3]}.isdisjoint({"SEX", "AGE5"})


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"source": "us-2024"}, "needs a size"),
        ({"source": "us-2024", "size": 0}, "cannot build a population of 0 people"),
        ({"source": "us-2024", "size": 5, "states": [3]}, "us-2024 has no state 3"),
        ({"source": "us2024", "size": 5}, "did you mean us-2024"),
        ({"source": "nowhere/p.csv", "size": 5}, "no such file or folder"),
    ],
)
def test_bad_requests_are_named(arguments, says):
    with pytest.raises(DataError, match=says):
        population.build(**arguments)


def test_files_that_are_no_population_are_named(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        population.Population.load(tmp_path / "none.parquet")
    pl.DataFrame({"person_id": ["a"], "weight": [1.0]}).write_parquet(tmp_path / "other.parquet")
    with pytest.raises(DataError, match="not a population"):
        population.Population.load(tmp_path / "other.parquet")
    (tmp_path / "text.parquet").write_text("people")
    with pytest.raises(DataError, match="not a population"):
        population.Population.load(tmp_path / "text.parquet")


def test_command_line(tmp_path):
    app = pytest.importorskip("populace.cli.population").app
    out, run = tmp_path / "people.parquet", CliRunner()
    built = run.invoke(app, ["build", "--size", "300", "--seed", "2", "--adults", "--out", str(out)])
    assert built.exit_code == 0 and "300 adults of United States" in built.output
    shown = run.invoke(app, ["show", str(out)], env={"COLUMNS": "120"})
    assert shown.exit_code == 0 and "Healthcare practitioners" in shown.output
    checked = run.invoke(app, ["fidelity", str(out)])
    assert checked.exit_code == 0 and "marital_status" in checked.output


@needs_data
def test_command_line_against_microdata(tmp_path):
    app = pytest.importorskip("populace.cli.population").app
    out, run = tmp_path / "people.parquet", CliRunner()
    run.invoke(app, ["build", "--size", "500", "--state", "50", "--out", str(out)])
    checked = run.invoke(app, ["fidelity", str(out), "--reference", str(DATA / "p_50.parquet")])
    assert checked.exit_code == 0 and "2-way margins" in checked.output
