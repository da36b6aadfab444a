"""`populace population` as a new user runs it: every command on small inputs, and every bad value."""

import os
import re
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from populace.cli import app
from populace.cli.options import read_cells
from populace.errors import DataError, PopulaceError
from populace.population import GenerativeModel, Population, build

DATA = Path(__file__).parents[2] / "shared" / "data"
VERMONT = DATA / "acs_pums_2024" / "p_50.parquet"
ANES = DATA / "anes_pilot_2022" / "anes_pilot_2022.parquet"
needs_data = pytest.mark.skipif(
    not (VERMONT.exists() and ANES.exists()), reason="the PUMS and ANES files are not in ../shared/data"
)
RUN = CliRunner(env={"COLUMNS": "160"})


def run(*arguments):
    """Run a command that succeeds; give what it printed."""
    done = RUN.invoke(app, ["population", *map(str, arguments)])
    assert done.exit_code == 0, done.output or done.exception
    return done.output


def fails(*arguments):
    """Run a command that a user got wrong; give the message."""
    done = RUN.invoke(app, ["population", *map(str, arguments)])
    assert isinstance(done.exception, PopulaceError), done.output or done.exception
    assert "\n" not in str(done.exception)
    return str(done.exception)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("people")
    build("us-2024", size=3000, seed=4).save(made / "people.parquet")
    (made / "margins.csv").write_text("sex,race,target\nFemale,,0.6\nMale,,0.4\n")
    if VERMONT.exists():
        build(VERMONT).save(made / "vermont.parquet")
    if ANES.exists():
        build(ANES, codebook="anes_pilot_2022").save(made / "anes.parquet")
    return made


def test_a_model_is_fitted_and_drawn_from(folder, tmp_path):
    model, people = tmp_path / "mine.parquet", tmp_path / "people.parquet"
    said = run("fit", folder / "people.parquet", "--out", model, "--min-records", 25)
    assert "3,000 records" in said and "fewer than 25" in said
    assert GenerativeModel.load(model).min_records == 25
    # The command that is named next does work as it stands.
    next_command = re.search(r"next: populace (.*)", said.replace("\n", " ")).group(1).split()
    next_command[-1] = str(people)
    assert RUN.invoke(app, next_command).exit_code == 0
    assert len(Population.load(people)) == 10_000


@needs_data
def test_a_survey_is_fitted_and_drawn_from(folder, tmp_path):
    model, people = tmp_path / "anes.parquet", tmp_path / "people.parquet"
    run("fit", ANES, "--codebook", "anes_pilot_2022", "--out", model)
    run("build", "--source", model, "--size", 50, "--seed", 1, "--out", people)
    drawn = Population.load(people)
    assert len(drawn) == 50 and "item_pid_x" in drawn.frame.columns
    assert "item_pid_x" in run("show", people)


def test_fit_refuses_what_makes_no_sense(folder, tmp_path):
    people, out = folder / "people.parquet", tmp_path / "m.parquet"
    assert "is a model already" in fails("fit", "us-2024", "--out", out)
    assert "built already" in fails("fit", people, "--adults", "--out", out)
    assert "no such file" in fails("fit", tmp_path / "no.csv", "--out", out)
    assert "file to read" in fails("fit", people, "--out", people)
    assert "records are too few" in fails("fit", people, "--min-records", 2000, "--out", out)
    assert not out.exists() and len(Population.load(people)) == 3000


def test_people_are_not_built_from_people(folder, tmp_path):
    said = fails("build", "--source", folder / "people.parquet", "--size", 5, "--out", tmp_path / "a.parquet")
    assert "built already" in said and "population sample" in said


def test_raking_meets_the_margins_and_says_what_it_costs(folder, tmp_path):
    out, cells = tmp_path / "raked.parquet", tmp_path / "cells.csv"
    said = run(
        *("rake", folder / "people.parquet", "--margins", folder / "margins.csv"),
        *("--out", out, "--cells", cells, "--cap", "median:1.6"),
    )
    assert "converged" in said and "design effect" in said and "sex: 2 cells" in said
    frame = Population.load(out).frame
    female = frame.filter(sex="Female")["weight"].sum() / frame["weight"].sum()
    assert female == pytest.approx(0.6, abs=1e-9)
    assert pl.read_csv(cells)["margin"].to_list() == ["sex", "sex"]


def test_raking_to_the_census_or_to_some_margins(folder, tmp_path):
    people, out = folder / "people.parquet", tmp_path / "raked.parquet"
    said = run("rake", people, "--margins", "us-2024", "--only", "sex,age_band", "--out", out)
    assert "sex: 2 cells" in said and "age_band: 9 cells" in said and "race" not in said
    two = tmp_path / "two.csv"
    two.write_text("sex,disability,target\nFemale,,0.5\nMale,,0.5\nFemale,nobody,0.5\n")
    assert "sex: 2 cells" in run("rake", people, "--margins", two, "--only", "sex", "--out", out)
    assert "no margin of this variable" in fails(
        "rake", people, "--margins", two, "--only", "sx", "--out", out
    )
    assert "no margin has only" in fails(
        "rake", people, "--margins", two, "--only", "disability", "--out", out
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--cap", "5"], "is no cap"),
        (["--cap", "median:many"], "is no cap"),
        (["--bounds", "0.5"], "is not LOW:HIGH"),
        (["--bounds", "3:2"], "leave no room"),
        (["--cells", "cells.txt"], "end the name in .csv"),
        (["--cap", "weight:1"], ""),
    ],
)
def test_raking_refuses_bad_values(folder, tmp_path, options, message):
    out = tmp_path / "raked.parquet"
    command = ["rake", folder / "people.parquet", "--margins", folder / "margins.csv", "--out", out]
    assert message in fails(*command, *options)
    assert not out.exists()


def test_what_is_written_as_parquet_is_named_so(folder, tmp_path):
    people, table = folder / "people.parquet", tmp_path / "people.csv"
    table.write_text("a,b\n1,2\n")
    for command in (
        ["build", "--size", 5],
        ["fit", people],
        ["rake", people, "--margins", "us-2024"],
        ["sample", people, "--size", 5],
    ):
        assert f"{table}: this file is written as Parquet" in fails(*command, "--out", table)
    assert table.read_text() == "a,b\n1,2\n"
    run("build", "--size", 5, "--out", tmp_path / "people.PARQUET")


def test_a_boost_by_a_reading_is_accounted_for(folder, tmp_path):
    people, out = folder / "people.parquet", tmp_path / "sample.parquet"
    old = "75 and over"
    said = run("sample", people, "--size", 400, "--seed", 1, "--boost", f"age_band={old}:3", "--out", out)
    frame = Population.load(out).frame.filter(pl.col("AGEP") >= 75)
    assert f"age_band = {old}: {frame.height} people, {frame.height / 400:.1%} of the sample" in said


@needs_data
def test_a_boosted_survey_is_shown_by_its_answers(folder, tmp_path):
    out = tmp_path / "sample.parquet"
    run("sample", folder / "anes.parquet", "--size", 300, "--boost", "sex=Female:3", "--out", out)
    said = run("show", out)
    assert "inclusion" not in said and "item_pid_x" in said
    # Thermometers end at 100.
    assert "75-100" in said and "100-124" not in said


def test_a_boosted_sample_weighs_right(folder, tmp_path):
    people, out = folder / "people.parquet", tmp_path / "sample.parquet"
    said = run("sample", people, "--size", 400, "--seed", 5, "--share", "race=Asian alone:0.25", "--out", out)
    assert "race = Asian alone: 100 people, 25.0% of the sample" in said
    whole, frame = Population.load(people).frame, Population.load(out).frame
    shares = [
        each.filter(race="Asian alone")["weight"].sum() / each["weight"].sum() for each in (whole, frame)
    ]
    assert shares[0] == pytest.approx(shares[1], abs=1e-9)
    run("sample", people, "--size", 400, "--seed", 5, "--boost", "race=Asian alone:3", "--out", out)
    assert Population.load(out).provenance.steps[0].settings["boost"] == {"race": {"Asian alone": 3.0}}
    run("sample", people, "--size", 60, "--strata", "sex", "--allocation", "equal", "--out", out)
    assert Population.load(out).frame["sex"].value_counts()["count"].to_list() == [30, 30]


@needs_data
def test_households_are_drawn_whole(folder, tmp_path):
    out = tmp_path / "sample.parquet"
    said = run("sample", folder / "vermont.parquet", "--size", 50, "--households", "--out", out)
    frame = Population.load(out).frame
    assert f"50 households, {frame.height} people" in said
    assert (
        frame.group_by("household_id").agg((pl.len() == pl.col("NP").first()).alias("whole"))["whole"].all()
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--boost", "race=3"], "COLUMN=VALUE:NUMBER"),
        (["--boost", "race=Asian alone:many"], "COLUMN=VALUE:NUMBER"),
        (["--boost", "race=Asian:3"], "nobody is 'Asian'"),
        (["--strata", "sx"], "did you mean sex"),
        (["--households"], "drawn one by one"),
        (["--share", "race=Asian alone:1.5"], ""),
        (["--once", "--replace"], ""),
    ],
)
def test_sampling_refuses_bad_values(folder, tmp_path, options, message):
    out = tmp_path / "sample.parquet"
    assert message in fails("sample", folder / "people.parquet", "--size", 50, "--out", out, *options)
    assert not out.exists()


def test_cells_of_an_option_are_read_to_the_last_colon():
    assert read_cells("--boost", None) is None
    assert read_cells("--boost", ["a=b:c:2", "a=d=e:1.5"]) == {"a": {"b:c": 2.0, "d=e": 1.5}}
    with pytest.raises(DataError, match="twice"):
        read_cells("--boost", ["a=b:2", "a=b:3"])


@needs_data
def test_a_survey_is_compared_by_labels(folder):
    said = run("fidelity", folder / "anes.parquet")
    assert "by the labels that both have" in said and "education" in said
    beside = run("fidelity", folder / "anes.parquet", "--reference", folder / "vermont.parquet")
    assert "2-way margins" in beside and "3-way" not in beside and "sampling alone" in beside
    itself = run("fidelity", folder / "anes.parquet", "--reference", folder / "anes.parquet")
    assert re.search(r"1-way margins: mean 0.0000, median 0.0000", itself)


@needs_data
def test_a_reference_may_be_people_or_files(folder):
    by_people = run("fidelity", folder / "people.parquet", "--reference", folder / "vermont.parquet")
    by_files = run("fidelity", folder / "people.parquet", "--reference", VERMONT)
    assert by_people.partition("\n")[2] == by_files.partition("\n")[2]
    assert "2-way" not in run(
        "fidelity", folder / "people.parquet", "--reference", folder / "vermont.parquet", "--ways", 1
    )
    # A survey file is read by the codebook of the people.
    by_file = run("fidelity", folder / "anes.parquet", "--reference", ANES)
    assert "1-way margins: mean 0.0000" in by_file


def test_people_who_share_nothing_with_the_census(folder, tmp_path):
    people = Population.load(folder / "people.parquet")
    strange = people.frame.select("person_id", "weight", pl.lit("yes").alias("item_a"))
    Population(strange, people.provenance).save(tmp_path / "strange.parquet")
    assert "share no attribute" in fails("fidelity", tmp_path / "strange.parquet")


def test_the_page_is_written(folder, tmp_path):
    pytest.importorskip("altair")
    pytest.importorskip("vl_convert")
    page = tmp_path / "fidelity.html"
    if ANES.exists():
        run("report", folder / "anes.parquet", "--reference", ANES, "--out", page)
    said = run("report", folder / "people.parquet", "--out", page, "--title", "These <people>")
    assert said.strip().replace("\n", "") == str(page)
    assert "These &lt;people&gt;" in page.read_text(encoding="utf-8")


def test_bad_files_are_named(folder, tmp_path):
    text = tmp_path / "text.parquet"
    text.write_text("people")
    for command in (["show", text], ["fidelity", text], ["report", text, "--out", tmp_path / "a.html"]):
        assert fails(*command).startswith(f"{text}: not a population")
    for command in (["rake", text, "--margins", "us-2024"], ["sample", text, "--size", 5]):
        assert "not a population" in fails(*command, "--out", tmp_path / "a.parquet")
    missing = tmp_path / "no.csv"
    assert "no such file" in fails(
        "rake", folder / "people.parquet", "--margins", missing, "--out", tmp_path / "a.parquet"
    )
    assert sorted(each.name for each in tmp_path.iterdir()) == ["text.parquet"]


@pytest.mark.parametrize(
    "command", ["build", "fit", "fetch", "codebooks", "rake", "sample", "show", "fidelity", "report"]
)
def test_help_reads(command):
    said = run(command, "--help")
    # Rich reads [words] in help as markup and swallows them.
    assert "[]" not in said and "Usage: root population" in said


def test_an_error_is_one_line_and_exit_code_2(folder, tmp_path):
    command = [
        sys.executable,
        "-m",
        "populace",
        "population",
        "fit",
        "us-2024",
        "--out",
        tmp_path / "x.parquet",
    ]
    done = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ), check=False)
    assert done.returncode == 2 and not done.stdout
    assert done.stderr.startswith("error: us-2024 is a model already") and done.stderr.count("\n") == 1
