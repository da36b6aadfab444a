"""Building, storing and showing personas."""

import os
import signal
import subprocess
import sys

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from populace.cli.personas import app
from populace.errors import DataError
from populace.personas import ATTRIBUTES, COLUMNS, Persona, build, load
from populace.personas.frames import complete, named
from populace.personas.naming import persona_ids
from populace.population import build as build_population

RUN = CliRunner(env={"COLUMNS": "160"})


@pytest.fixture(scope="module")
def people():
    return build_population("us-2024", size=400, seed=3)


def small(**columns):
    return pl.DataFrame({"age": [40, 50, 12], "sex": ["Male", "Female", "Male"], **columns})


def test_frame_has_the_columns_of_the_contract(people):
    built = build(people, seed=1)
    assert built.frame.columns == ["persona_id", "person_id", "weight", *COLUMNS]
    assert built.frame["age"].min() >= 18
    assert built.frame["persona_id"].n_unique() == len(built) == built.provenance["personas"]
    assert built.provenance["population"]["source"] == "us-2024"
    # The census attributes are as they were.
    census = people.frame.filter(pl.col("age") >= 18).select(
        "person_id", "age", "income", "occupation_category"
    )
    ours = built.frame.select(census.columns)
    assert ours.join(census, on=census.columns, how="semi", nulls_equal=True).height == len(built)


def test_ids_are_the_hash_of_the_attributes(people):
    built = build(people, seed=1)
    assert [one.persona_id for one in built] == built.frame["persona_id"].to_list()


TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=6)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            each.name: st.none()
            | (st.integers(-(10**6), 10**6) if each.kind in ("integer", "dollars") else TEXTS)
            for each in ATTRIBUTES
        }
    ),
    min_size=1,
    max_size=4,
)


@given(rows=ROWS)
@settings(max_examples=60, deadline=None)
def test_names_of_a_frame_are_those_of_its_records(rows):
    frame = pl.DataFrame(rows, schema={each.name: each.dtype for each in ATTRIBUTES})
    assert persona_ids(frame).to_list() == [Persona.from_row(row).persona_id for row in rows]


def test_names_do_not_depend_on_the_chunks(people, monkeypatch):
    frame = complete(people.frame)
    whole = persona_ids(frame)
    monkeypatch.setattr("populace.personas.naming._CHUNK", 7)
    assert persona_ids(frame).equals(whole)
    assert persona_ids(frame.head(0)).to_list() == []
    # A person of whom nothing is known has a name, too: the hash of "{}".
    assert persona_ids(complete(pl.DataFrame({"age": [None]}))).to_list() == [Persona().persona_id]


def test_weights_of_equal_people_are_added_in_the_order_of_the_rows():
    # (0.1 + 0.2) + 0.3 is 0.6000000000000001, 0.1 + (0.2 + 0.3) is 0.6.
    people = pl.DataFrame({"age": [9, 5, 9, 9], "weight": [0.1, 7.0, 0.2, 0.3], "kept": ["a", "b", "c", "d"]})
    merged = named(complete(people).with_columns(people["kept"]))
    assert merged.select("person_id", "weight", "kept").rows() == [
        ("1", 0.1 + 0.2 + 0.3, "a"),
        ("2", 7.0, "b"),
    ]


def test_same_seed_same_bytes_other_seed_other_people(people, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        build(people, seed=seed).save(tmp_path / f"{name}.parquet")
    a, b, c = ((tmp_path / f"{name}.parquet").read_bytes() for name in "abc")
    assert a == b != c


def test_saved_personas_come_back_whole(people, tmp_path):
    built = build(people, seed=1)
    built.save(tmp_path / "p.parquet")
    again = load(tmp_path / "p.parquet")
    assert again.frame.equals(built.frame)
    assert again.provenance == built.provenance
    assert again.removed == built.removed
    assert [path.name for path in tmp_path.iterdir()] == ["p.parquet"]


def test_bytes_do_not_depend_on_how_the_frame_came_about(people, tmp_path):
    built = build(people, seed=1)
    built.save(tmp_path / "whole.parquet")
    pieces = pl.concat([built.frame[:100], built.frame[100:]], rechunk=False)
    type(built)(pieces, built.provenance).save(tmp_path / "pieces.parquet")
    assert (tmp_path / "whole.parquet").read_bytes() == (tmp_path / "pieces.parquet").read_bytes()


CHILD = """
import sys
from populace.personas import build
from populace.population import build as people
build(people("us-2024", size=300, seed=5), seed=2).save(sys.argv[1])
"""


def test_bytes_do_not_depend_on_hash_order_or_threads(tmp_path):
    for number, threads in (("1", "1"), ("2", "2")):
        environment = {**os.environ, "PYTHONHASHSEED": number, "POLARS_MAX_THREADS": threads}
        command = [sys.executable, "-c", CHILD, str(tmp_path / f"{number}.parquet")]
        subprocess.run(command, check=True, env=environment)
    assert (tmp_path / "1.parquet").read_bytes() == (tmp_path / "2.parquet").read_bytes()


STUCK = """
import sys, time
import polars as pl
from populace.personas import load
from populace.personas.frames import Personas
write = pl.DataFrame.write_parquet
def half(self, file, **options):
    write(self, file, **options)
    file.write_bytes(file.read_bytes()[:500])
    print("half", flush=True)
    time.sleep(60)
pl.DataFrame.write_parquet = half
load(sys.argv[1]).save(sys.argv[2])
"""


def test_killed_half_way_leaves_what_was_there(people, tmp_path):
    build(people, seed=1).save(tmp_path / "p.parquet")
    build(people, seed=2).save(tmp_path / "old.parquet")
    before = (tmp_path / "old.parquet").read_bytes()
    command = [sys.executable, "-c", STUCK, str(tmp_path / "p.parquet"), str(tmp_path / "old.parquet")]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None and child.stdout.readline() == "half\n"
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    assert (tmp_path / "old.parquet").read_bytes() == before


def test_a_split_is_kept_and_checked(people, tmp_path):
    built = build(people, seed=1)
    split = pl.Series(["train", "test"]).gather([i % 2 for i in range(len(built))])
    type(built)(built.frame.with_columns(split=split), built.provenance).save(tmp_path / "p.parquet")
    again = load(tmp_path / "p.parquet")
    assert again.frame["split"].to_list() == split.to_list()
    assert again.head(1)[0].persona_id == again.frame["persona_id"][0]
    for wrong in ("dev", None):
        split[2] = wrong
        type(built)(built.frame.with_columns(split=split), built.provenance).save(tmp_path / "p.parquet")
        with pytest.raises(DataError, match="is no split") as caught:
            load(tmp_path / "p.parquet")
        assert (caught.value.row, caught.value.column) == (3, "split")


def test_minors_are_left_out_or_kept_without_opinions():
    people = small()
    assert build(people, seed=0).frame["age"].to_list() == [40, 50]
    kept = build(people, seed=0, adults=False).frame
    boy = Persona.from_row(kept.row(2, named=True)).attributes()
    assert kept["age"].to_list() == [40, 50, 12]
    assert set(boy) == {"age", "sex", "defining_quirks", "mannerisms", "personal_time", "lifestyle"}


def test_unknown_age_is_no_adult():
    built = build(pl.DataFrame({"age": [None, 40], "sex": ["Male", "Male"]}), seed=0)
    assert len(built) == 1
    assert built.provenance["minors_left_out"] == 1


def test_rules_remove_and_count():
    built = build(small(education=["Doctorate"] * 3).with_columns(age=pl.Series([21, 50, 60])), seed=0)
    assert built.frame["age"].to_list() == [50, 60]
    assert {name: n for name, n in built.removed.items() if n} == {"doctorate-before-22": 1}


def test_equal_people_are_one_persona():
    # Under 6 there is no free text and no opinion: two 2-year-old boys are the same persona.
    twins = pl.DataFrame({"age": [2, 2, 3], "sex": ["Male"] * 3, "weight": [1.5, 2.0, 1.0]})
    built = build(twins.with_columns(person_id=pl.Series(["a", "b", "c"])), seed=0, adults=False)
    assert built.frame.select("person_id", "weight").rows() == [("a", 3.5), ("c", 1.0)]
    assert built.provenance["merged"] == 1


def test_a_longer_frame_leaves_the_columns_of_census_untouched_and_order_kept(people):
    built = build(people, seed=1, adults=False)
    order = people.frame["person_id"].to_list()
    assert built.frame["person_id"].to_list() == sorted(built.frame["person_id"], key=order.index)


@pytest.mark.parametrize(
    ("columns", "says", "column"),
    [
        ({"weight": [1.0, -2.0, 1.0]}, "-2.0 is not a weight", "weight"),
        ({"weight": [1.0, float("nan"), 1.0]}, "nan is not a weight", "weight"),
        ({"race": ["White alone", "white", None]}, "'white' is not a value of race", "race"),
    ],
)
def test_bad_people_are_refused(columns, says, column):
    with pytest.raises(DataError, match=says) as caught:
        build(small(**columns), seed=0)
    assert (caught.value.row, caught.value.column) == (2, column)


def test_weights_that_are_text_are_refused():
    with pytest.raises(DataError, match="numbers are wanted"):
        build(small(weight=["1", "2", "3"]), seed=0)


def test_nobody_left():
    with pytest.raises(DataError, match="no persona is left of 1 people"):
        build(pl.DataFrame({"age": [10]}), seed=0)
    with pytest.raises(DataError, match="the population is empty"):
        build(pl.DataFrame({"age": []}, schema={"age": pl.Int64}), seed=0)


def test_files_that_hold_no_personas(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        load(tmp_path / "absent.parquet")
    (tmp_path / "text.parquet").write_text("hello")
    small().write_parquet(tmp_path / "people.parquet")
    for name in ("text", "people"):
        with pytest.raises(DataError, match="no file of personas"):
            load(tmp_path / f"{name}.parquet")


def test_a_file_with_a_column_too_few(tmp_path):
    built = build(small(), seed=0)
    built.frame.drop("religion").write_parquet(tmp_path / "p.parquet", metadata={"populace.provenance": "{}"})
    with pytest.raises(DataError, match="missing") as caught:
        load(tmp_path / "p.parquet")
    assert caught.value.column == "religion"


def test_find_by_the_first_digits():
    built = build(small(), seed=0)
    first = built.frame["persona_id"][0]
    assert built.find([first[:12]])[0].persona_id == first
    with pytest.raises(DataError, match="no personas have"):
        built.find(["xyz"])
    with pytest.raises(DataError, match="2 personas have"):
        built.find([""])


def test_command_line(people, tmp_path):
    people.save(tmp_path / "people.parquet")
    out = tmp_path / "personas.parquet"
    made = RUN.invoke(app, ["build", "--population", str(tmp_path / "people.parquet"), "--out", str(out)])
    assert made.exit_code == 0, made.output
    assert "400 people read" in made.output
    assert "removed by the consistency rules" in made.output
    personas = load(out)
    shown = RUN.invoke(
        app, ["show", str(out), "--id", personas.frame["persona_id"][1], "--template", "release"]
    )
    assert shown.exit_code == 0, shown.output
    assert f"age: {personas.frame['age'][1]}" in shown.output
    assert RUN.invoke(app, ["show", str(out), "-n", "2"]).output.count("You are a") >= 2
    assert isinstance(RUN.invoke(app, ["show", str(tmp_path / "no.parquet")]).exception, DataError)
    options = ["--template", "interview", "--level", "plain", "--only", "state", "-n", "1"]
    shown = RUN.invoke(app, ["show", str(out), *options])
    assert f"I live in {personas.frame['state'][0]}" in shown.output
    shown = RUN.invoke(app, ["show", str(out), "--leave-out", "state", "-n", "1", "--template", "release"])
    assert "age: " in shown.output and "state: " not in shown.output


@pytest.mark.parametrize("seed", [-1, "x", 1.5, None, True])
def test_a_seed_that_is_none(seed):
    with pytest.raises(DataError, match=r"is no seed.*whole number from 0 up"):
        build(pl.DataFrame({"age": [30]}), seed=seed)


def test_a_seed_of_numpy_is_a_seed():
    people = pl.DataFrame({"age": [30, 40]})
    assert build(people, seed=np.int64(3)).frame.equals(build(people, seed=3).frame)
