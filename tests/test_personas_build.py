"""Building, storing and showing personas."""

import polars as pl
import pytest
from typer.testing import CliRunner

from populace.cli.personas import app
from populace.errors import DataError
from populace.personas import COLUMNS, Persona, build, load
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
    with pytest.raises(DataError, match="no persona is left of 0 people"):
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
