"""`populace personas` as a new user runs it: every command on small inputs, and every bad value."""

import json
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from populace.cli import app
from populace.cli.personas_checks import percent
from populace.errors import ModelError, PopulaceError
from populace.models import Failure
from populace.models.scripted import Scripted
from populace.personas import RULES, Personas, load, rates
from populace.personas import build as build_personas
from populace.personas.rules import broken_rules
from populace.population import build as build_people

DATA = Path(__file__).parents[2] / "shared" / "data"
ANES = DATA / "anes_pilot_2022" / "anes_pilot_2022.parquet"
needs_anes = pytest.mark.skipif(not ANES.exists(), reason="the ANES pilot is not in ../shared/data")
RUN = CliRunner(env={"COLUMNS": "200"})


def run(*arguments):
    """Run a command that succeeds; give what it printed."""
    done = RUN.invoke(app, ["personas", *map(str, arguments)])
    assert done.exit_code == 0, done.output or done.exception
    return done.output


def fails(*arguments):
    """Run a command that a user got wrong; give the message."""
    done = RUN.invoke(app, ["personas", *map(str, arguments)])
    assert isinstance(done.exception, PopulaceError), done.output or done.exception
    assert "\n" not in str(done.exception)
    return str(done.exception)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("personas")
    people = build_people("us-2024", size=900, seed=4)
    people.save(made / "people.parquet")
    built = build_personas(people, seed=1)
    built.save(made / "personas.parquet")
    Personas(built.frame.head(6), built.provenance).save(made / "six.parquet")
    if ANES.exists():
        build_people(ANES, codebook="anes_pilot_2022").save(made / "anes.parquet")
    return made


@pytest.fixture
def model(monkeypatch):
    """Let `--model scripted` answer as a test says."""

    def play(**settings):
        monkeypatch.setattr("populace.models.scripted.Scripted", lambda: Scripted(**settings))

    return play


def test_build_accounts_for_everybody(tmp_path):
    # A widow of 15 breaks a hard rule; two married people who live alone break a soft one.
    frame = pl.DataFrame(
        {
            "person_id": list("abcdef"),
            "weight": [1.0] * 6,
            "age": [15, 40, 41, 42, 50, 9],
            "marital_status": ["Widowed", "Married", "Married", "Divorced", None, None],
            "household_type": [None, *["Male householder living alone"] * 2, None, None, None],
            "sex": [None, "Male", "Male", None, None, None],
        }
    )
    people = build_people("us-2024", size=6, seed=0)
    type(people)(frame, people.provenance).save(tmp_path / "people.parquet")
    command = ["build", "--population", tmp_path / "people.parquet", "--minors", "--out"]
    said = run(*command, tmp_path / "plain.parquet")
    assert "1 removed by the consistency rules (17 %; the PERSONA paper: about 8.5 %)" in said
    assert "2 flagged by the soft rules and kept (40 %; of all real people" in said
    assert "2 married-living-alone" in said and "with every attribute drawn apart" in said
    plain = load(tmp_path / "plain.parquet")
    assert plain.provenance["flagged"] == 2 and plain.provenance["softened"] is False
    assert plain.provenance["sources"]["values"]["citation"]

    said = run(*command, tmp_path / "soft.parquet", "--soften")
    assert "kept, weighted down" in said
    soft = load(tmp_path / "soft.parquet")
    alone = broken_rules(soft.frame)["married-living-alone"]
    share = soft.frame.filter(alone)["weight"].sum() / soft.frame["weight"].sum()
    assert share == pytest.approx(rates()["married-living-alone"].real, rel=1e-6)
    assert soft.frame["weight"].sum() == pytest.approx(5.0)
    assert soft.frame["persona_id"].to_list() == plain.frame["persona_id"].to_list()


def test_build_does_not_write_over_the_people(folder):
    people = folder / "people.parquet"
    assert "file to read" in fails("build", "--population", people, "--out", people)


def test_every_rule_is_listed_with_its_rates(folder):
    said = run("rules")
    assert all(name in said for name in RULES) and f"{len(RULES)} rules" in said
    assert percent(rates()["married-living-alone"].real) in said
    soft = run("rules", folder / "personas.parquet", "--kind", "soft")
    assert "personas.parquet" in soft and "married-under-15" not in soft
    frame = load(folder / "personas.parquet").frame
    counts = broken_rules(frame, "soft").sum().row(0, named=True)
    worst = max(counts, key=counts.__getitem__)
    line = next(line for line in soft.splitlines() if worst in line)
    assert percent(counts[worst] / frame.height) in line


@pytest.mark.parametrize(
    ("share", "text"),
    [(1.0, "100 %"), (0.0996, "10 %"), (0.00999, "1.0 %"), (4e-5, "0.0040 %"), (1e-9, "< 0.0001 %")],
)
def test_rare_things_are_no_zeros(share, text):
    assert percent(share) == text


def test_variety_is_told_beside_our_lists_and_beside_others(folder, tmp_path):
    table = tmp_path / "variety.csv"
    said = run("diversity", folder / "personas.parquet", "--fields", "lifestyle,mannerisms", "--out", table)
    assert "less varied" in said and "The reference is our lists" in said
    assert set(pl.read_csv(table)["field"]) == {"lifestyle", "mannerisms"}
    texts = tmp_path / "texts.csv"
    texts.write_text("lifestyle\n" + "a quiet life by the lake\n" * 30)
    said = run("diversity", folder / "personas.parquet", "--fields", "lifestyle", "--reference", texts)
    assert "more varied" in said and "The reference is our lists" not in said


def test_variety_refuses_bad_values(folder, tmp_path):
    personas = folder / "personas.parquet"
    assert "no text of a persona" in fails("diversity", personas, "--fields", "lifestile")
    assert ".csv or .parquet" in fails("diversity", personas, "--out", tmp_path / "a.xlsx")
    assert "no such file" in fails("diversity", personas, "--reference", tmp_path / "no.csv")
    (tmp_path / "other.csv").write_text("a\nb\n")
    assert "no column is named" in fails("diversity", personas, "--reference", tmp_path / "other.csv")
    (tmp_path / "broken.parquet").write_text("a\nb\n")
    assert "no table" in fails("diversity", personas, "--reference", tmp_path / "broken.parquet")
    assert "fewer than 4" in fails("diversity", _head(folder, tmp_path, 3))


def _head(folder, tmp_path, count):
    whole = load(folder / "personas.parquet")
    path = tmp_path / f"head-{count}.parquet"
    Personas(whole.frame.head(count), whole.provenance).save(path)
    return path


@needs_anes
def test_answers_of_respondents_stand_beside_personas(folder, tmp_path):
    out = tmp_path / "answers.parquet"
    command = ["match", folder / "personas.parquet", folder / "anes.parquet", "--seed", 3]
    said = run(*command, "--items", "pid_x,item_vote_2020", "--out", out)
    answers, personas = pl.read_parquet(out), load(folder / "personas.parquet").frame
    assert answers.columns == ["persona_id", "donor_id", "distance", "item_pid_x", "item_vote_2020"]
    assert answers["persona_id"].to_list() == personas["persona_id"].to_list()
    donors = pl.read_parquet(folder / "anes.parquet").select(donor_id="person_id", theirs="item_pid_x")
    beside = answers.join(donors, on="donor_id", how="left", maintain_order="left")
    assert beside["item_pid_x"].equals(beside["theirs"])
    report = json.loads((tmp_path / "answers.json").read_text())
    assert report["people"] == len(personas) and report["seed"] == 3
    assert f"{report['donors_used']:,} of 1,500 donors serve" in said
    assert report["licence"] in said
    first = out.read_bytes()
    run(*command, "--items", "item_pid_x", "--items", "vote_2020", "--out", out)
    assert out.read_bytes() == first


@needs_anes
def test_what_one_side_does_not_know_is_not_matched_on(folder, tmp_path):
    donors = build_people(ANES, codebook="anes_pilot_2022")
    bare = donors.frame.drop("religion", "ideology")
    type(donors)(bare, donors.provenance).save(tmp_path / "bare.parquet")
    out = tmp_path / "answers.parquet"
    said = run("match", folder / "personas.parquet", tmp_path / "bare.parquet", "--out", out)
    assert "not matched on, since one side does not know it: religion, ideology" in said
    assert json.loads((tmp_path / "answers.json").read_text())["exact"] == ["political_views"]


@needs_anes
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--items", "nope"], "no such item"),
        (["--on", "agegroup"], "no attribute 'agegroup'"),
        (["--reuse", "0.5"], "reuse of 0.5"),
    ],
)
def test_matching_refuses_bad_values(folder, tmp_path, options, message):
    out = tmp_path / "answers.parquet"
    assert message in fails(
        "match", folder / "personas.parquet", folder / "anes.parquet", "--out", out, *options
    )
    assert not list(tmp_path.iterdir())


def test_donors_are_people_who_answered(folder, tmp_path):
    personas, people = folder / "personas.parquet", folder / "people.parquet"
    assert "answered no questions" in fails("match", personas, people, "--out", tmp_path / "a.parquet")
    assert "no file of respondents" in fails("match", personas, personas, "--out", tmp_path / "a.parquet")
    assert "written as Parquet" in fails("match", personas, people, "--out", tmp_path / "a.csv")


def test_a_model_writes_and_is_checked(folder, tmp_path, model):
    six, out = folder / "six.parquet", tmp_path / "written.parquet"
    texts = iter(f'{{"lifestyle": "a life of {word} and long walks"}}' for word in WORDS)
    model(text=lambda request: next(texts))
    said = run("write", six, "--model", "scripted", "--fields", "lifestyle", "--rounds", 1, "--out", out)
    assert "6 personas, 6 texts by" in said and "no text failed a check" in said
    assert set(load(out).frame["lifestyle"]) == {f"a life of {word} and long walks" for word in WORDS}
    assert (tmp_path / "written.write" / "violations.parquet").is_file()
    # Who they are is as it was.
    before, after = load(six).frame, load(out).frame
    assert before.drop("persona_id", "lifestyle").equals(after.drop("persona_id", "lifestyle"))
    # The same command makes no call: the script would have no answer left.
    assert "6 personas" in run(
        "write", six, "--model", "scripted", "--fields", "lifestyle", "--rounds", 1, "--out", out
    )


WORDS = ("music", "letters", "bread", "gardens", "maps", "rivers")


def test_a_model_that_writes_nothing_of_use_leaves_no_file(folder, tmp_path, model):
    model(text="no idea")
    out = tmp_path / "written.parquet"
    said = fails("write", folder / "six.parquet", "--model", "scripted", "--rounds", 1, "--out", out)
    assert "nothing was written" in said and "violations.parquet" in said and not out.exists()


def test_calls_that_fail_say_why(folder, tmp_path, model):
    def refused(request, asked):
        return Failure(key=request.key, boundary="request", message="no such\nfeature", retryable=False)

    model(fail=refused)
    out = tmp_path / "written.parquet"
    said = fails("write", folder / "six.parquet", "--model", "scripted", "--rounds", 1, "--out", out)
    assert "calls failed: 6, mostly since no such feature" in said and not out.exists()
    calls = pl.read_parquet(tmp_path / "written.write" / "calls.parquet")
    assert calls["status"].to_list() == ["request"] * 6
    said = run("check", folder / "six.parquet", "--model", "scripted", "--folder", tmp_path / "check")
    assert "calls failed: 24" in said and "refused or failed: 100.0 %" in said


def test_a_judge_is_measured_and_removes_on_request_only(folder, tmp_path, model):
    def wary(ask):  # calls everyone inconsistent, whatever the order of the answers
        return (0.1, 0.9) if "A: It is c" in ask.messages[1].content else (0.9, 0.1)

    model(choice=wary)
    six = folder / "six.parquet"
    said = run("check", six, "--model", "scripted", "--folder", tmp_path / "check")
    assert "the judge would remove 100.0 %" in said and "PERSONA's filter removed about 8.5 %" in said
    assert (tmp_path / "check" / "verdicts.parquet").is_file()
    out = tmp_path / "kept.parquet"
    said = run("check", six, "--model", "scripted", "--folder", tmp_path / "check", "--out", out)
    assert "0 of 6 personas" in said and load(out).provenance["model_check"]["removed"] == 6


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--model", "opnai:x"], "did you mean 'openai'"),
        (["--model", "scripted", "--set", "base_url"], "is not NAME=VALUE"),
        (["--model", "scripted", "--set", "base_url=x"], "no setting 'base_url'"),
        (["--model", "scripted", "--budget", "25"], "write '$25'"),
        (["--model", "scripted", "--fields", "age"], "a model may not write 'age'"),
        (["--model", "no.toml"], "no such study file"),
    ],
)
def test_writing_refuses_bad_values(folder, tmp_path, options, message):
    out = tmp_path / "written.parquet"
    assert message in fails("write", folder / "six.parquet", "--out", out, *options)
    assert not out.exists()


def test_a_study_file_names_the_model(tmp_path):
    from populace.cli.options import open_provider

    study = tmp_path / "study.toml"
    study.write_text('name = "a"\n[model]\nprovider = "scripted"\nmodel = "mock@3/exact"\n')
    assert open_provider(str(study), None).model == "mock@3/exact"
    assert open_provider(str(study), ["model=mock@4/exact", "latency=0.5"]).model == "mock@4/exact"
    with pytest.raises(ModelError, match="no setting"):
        open_provider("scripted", ["speed=3"])


def test_show_prints_nothing_before_it_is_sure(folder):
    done = RUN.invoke(app, ["personas", "show", str(folder / "six.parquet"), "--leave-out", "nope"])
    assert "no attribute 'nope'" in str(done.exception) and not done.output


def test_show_tells_what_is_asked(folder):
    six = folder / "six.parquet"
    said = run("show", six, "-n", 1, "--template", "release", "--only", "age,sex")
    assert [line.split(":")[0] for line in said.splitlines()[1:] if line] == ["age", "sex"]


@pytest.mark.parametrize(
    "command",
    [
        ["show", "FILE", "--only", ""],
        ["show", "FILE", "--only", " , "],
        ["show", "FILE", "--leave-out", ""],
        ["diversity", "FILE", "--fields", ""],
        ["write", "FILE", "--model", "scripted", "--out", "OUT", "--fields", ""],
    ],
)
def test_an_option_that_names_nothing_is_refused(folder, tmp_path, command):
    places = {"FILE": folder / "six.parquet", "OUT": tmp_path / "out.parquet"}
    assert f"{command[-2]} names nothing" in fails(*(places.get(part, part) for part in command))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "command",
    [
        ["build", "--population", "PEOPLE"],
        ["import", "persona", "PEOPLE"],
        ["preset", "persona-1586"],
        ["match", "FILE", "PEOPLE"],
        ["write", "FILE", "--model", "scripted"],
        ["check", "FILE", "--model", "scripted"],
    ],
)
def test_parquet_is_not_written_under_another_ending(folder, tmp_path, command):
    mine = tmp_path / "mine.csv"
    mine.write_text("a\n1\n")
    places = {"FILE": folder / "six.parquet", "PEOPLE": folder / "people.parquet"}
    assert ".parquet" in fails(*(places.get(part, part) for part in command), "--out", mine)
    assert mine.read_text() == "a\n1\n" and list(tmp_path.iterdir()) == [mine]


def test_a_table_is_not_written_over_its_reference(folder, tmp_path):
    texts = tmp_path / "texts.csv"
    texts.write_text("lifestyle\nquiet\nloud\nslow\nfast\nwide\n")
    command = ("diversity", folder / "personas.parquet", "--fields", "lifestyle")
    assert "file to read" in fails(*command, "--reference", texts, "--out", texts)


def test_bad_files_are_named(tmp_path):
    text = tmp_path / "text.parquet"
    text.write_text("personas")
    for command in (
        ["rules", text],
        ["diversity", text],
        ["show", text],
        ["check", text, "--model", "scripted"],
        ["write", text, "--model", "scripted", "--out", tmp_path / "a.parquet"],
        ["match", text, text, "--out", tmp_path / "a.parquet"],
    ):
        assert fails(*command).startswith(f"{text}: this is no file of personas")
    assert [each.name for each in tmp_path.iterdir()] == ["text.parquet"]


@pytest.mark.parametrize(
    "command", ["build", "import", "preset", "show", "rules", "diversity", "match", "write", "check"]
)
def test_help_reads(command):
    said = run(command, "--help")
    assert "[]" not in said and "Usage: root personas" in said


def test_an_error_is_one_line_and_exit_code_2(tmp_path):
    command = [sys.executable, "-m", "populace", "personas", "rules", tmp_path / "no.parquet"]
    done = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ), check=False)
    assert done.returncode == 2 and not done.stdout
    assert done.stderr.startswith(f"error: {tmp_path}") and done.stderr.count("\n") == 1
