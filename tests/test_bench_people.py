"""Who takes part: adults, unless all ages are asked for, and the count is said."""

from __future__ import annotations

import polars as pl
import pytest
from typer.testing import CliRunner

from populace.bench import read_items
from populace.bench.people import draw_people
from populace.cli import app
from populace.errors import DataError
from populace.personas import Personas
from populace.personas.frames import complete, named


def people(*ages: int | None) -> pl.DataFrame:
    rows = {"age": ages, "lifestyle": [f"a life number {n}" for n in range(len(ages))]}
    return named(complete(pl.DataFrame(rows, schema_overrides={"age": pl.Int64})))


def test_minors_are_left_out_and_counted():
    everybody = people(0, 17, 18, None, 60, 4)
    found = draw_people(everybody, 10, 0)
    assert found.personas["age"].to_list() == [18, None, 60] and (found.of, found.minors) == (3, 3)
    assert found.told == "3 of 3 people take part; 3 under 18 left out (--all-ages takes them too)"
    every = draw_people(everybody, 10, 0, all_ages=True)
    assert every.personas.equals(everybody) and every.told == "6 of 6 people take part"
    some = draw_people(everybody, 2, 5)
    assert some.personas.height == 2 and some.personas.equals(draw_people(everybody, 2, 5).personas)
    with pytest.raises(DataError, match="all 2 personas are under 18"):
        draw_people(people(3, 9), 2, 0)
    with pytest.raises(DataError, match="there is nobody in it"):
        draw_people(everybody.head(0), 2, 0)


def test_the_command_takes_adults_and_says_so(tmp_path):
    Personas(people(3, 9, 30, 40, 50), {"removed": {}}).save(tmp_path / "people.parquet")
    base = ["bench", "run", "phrases", "--model", "scripted", "--items", "3", "--answer-tokens", "8"]
    base += ["--personas", str(tmp_path / "people.parquet"), "--out"]
    done = CliRunner().invoke(app, [*base, str(tmp_path / "adults")])
    assert done.exit_code == 0, done.exception
    assert "3 of 3 people take part; 2 under 18 left out (--all-ages takes them too)" in done.output
    assert read_items(tmp_path / "adults")["persona_id"].n_unique() == 3
    done = CliRunner().invoke(app, [*base, str(tmp_path / "all"), "--all-ages", "--items", "5"])
    assert "5 of 5 people take part\n" in done.output
    assert read_items(tmp_path / "all")["persona_id"].n_unique() == 5


def test_the_command_says_which_answers_are_left_out(tmp_path):
    ages = range(20, 60, 4)
    rows = {"age": [*ages, 60], "question": ["Why?"] * 11, "answer": [*(f"Since {age}." for age in ages), ""]}
    pl.DataFrame(rows).write_csv(tmp_path / "gold.csv")
    gold = ["--option", f"gold={tmp_path / 'gold.csv'}", "--items", "4", "--out", str(tmp_path / "run")]
    done = CliRunner().invoke(app, ["bench", "run", "comparison", "--judge", "scripted", *gold])
    assert done.exit_code == 0, done.exception
    told = " ".join(done.output.split())
    assert "10 answers of 10 people; left out: 1 without a word (each row is taken" in told
    assert "take part" not in told
