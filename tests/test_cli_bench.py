"""`populace bench` as it is typed: what it needs, what it refuses and how, what it prints."""

from __future__ import annotations

from pathlib import Path

import msgspec
import polars as pl
import pytest
from typer.testing import CliRunner

from populace.bench import Counting, Score, TaskResult, open_task, read_items
from populace.bench.planted import planted_people
from populace.canonical import content_hash
from populace.cli import app
from populace.cli.bench_tables import show_result
from populace.errors import PopulaceError
from populace.personas import Personas
from populace.stats import mean

SMALL = ["--items", "4", "--people", "4", "--answer-tokens", "8"]


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    """Six people, two who answered, nobody, and people without a column."""
    folder = tmp_path_factory.mktemp("files")
    people = planted_people(6)
    for name, frame in (("people", people), ("empty", people.head(0)), ("lacking", people.drop("sex"))):
        Personas(frame, {"removed": {}}).save(folder / f"{name}.parquet")
    rows = [{"question": "Why?", "age": age, "answer": f"Since {age}."} for age in range(20, 80, 6)]
    pl.DataFrame(rows).write_csv(folder / "gold.csv")
    return folder


def run(*arguments: object):
    return CliRunner().invoke(app, ["bench", *map(str, arguments)])


def refused(*arguments: object) -> str:
    found = run(*arguments)
    assert found.exit_code != 0 and isinstance(found.exception, PopulaceError), (
        found.output,
        found.exception,
    )
    return str(found.exception)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["main", "--judge", "scripted"], "main needs a model under test"),
        (["main", "--model", "scripted"], "or --judge same to let the model judge itself"),
        (["main", "--model", "scripted", "--judge", "scripted"], "the judge is the model under test"),
        (["main", "--model", "scripted", "--judge", "same", "--judge-set", "a=1"], "leave out --judge-set"),
        (["main", "--model", "scripted", "--judge", "same", "--option", "k=3"], "main has no setting 'k'"),
        (["phrases", "--model", "scripted", "--also-judge", "scripted"], "phrases has no judge"),
        (["comparison", "--judge", "scripted", "--option", "gold=no.csv"], "no such file of answers"),
        (["comparison", "--judge", "same", "--option", "gold=GOLD"], "no model under test that could judge"),
        (
            ["comparison", "--model", "scripted", "--judge", "same", "--option", "gold=GOLD"],
            "finds the answers in gold and asks no model under test",
        ),
        (["comparison", "--judge", "scripted", "--set", "a=1", "--option", "gold=GOLD"], "write --judge-set"),
        (["phrases", "--model", "scripted", "--personas", "EMPTY"], "there is nobody in it"),
        (["phrases", "--model", "scripted", "--personas", "LACKING"], "column sex: this column is missing"),
        (["phrases", "--model", "scripted", "--out", "GOLDFILE"], "this is a file, and a run is a folder"),
    ],
)
def test_what_is_refused_leaves_no_folder(arguments, says, files, tmp_path):
    names = {"EMPTY": "empty.parquet", "LACKING": "lacking.parquet", "GOLDFILE": "gold.csv"}
    told = [str(files / names[each]) if each in names else each for each in arguments]
    told = [each.replace("GOLD", str(files / "gold.csv")) for each in told]
    out = [] if "--out" in told else ["--out", tmp_path / "run"]
    assert says in refused("run", *told, *SMALL, *out)
    assert not (tmp_path / "run").exists()


def test_a_task_without_a_judge_asks_for_none(files, tmp_path):
    common = ["run", "phrases", "--model", "scripted", *SMALL, "--personas", files / "people.parquet"]
    alone = run(*common, "--out", tmp_path / "alone")
    assert alone.exit_code == 0 and "not used" not in alone.output
    given = run(*common, "--judge", "scripted", "--out", tmp_path / "given")
    assert "nobody judges in phrases; --judge is not used" in given.output
    one, other = ((tmp_path / name / "result.json").read_bytes() for name in ("alone", "given"))
    assert one == other and TaskResult.load(tmp_path / "alone/result.json").judge is None


def test_answers_of_people_need_no_model_and_compare_by_judge(files, tmp_path):
    gold = ["comparison", "--option", f"gold={files / 'gold.csv'}", "--items", "4"]
    done = run("run", *gold, "--judge", "scripted", "--out", tmp_path / "one")
    assert done.exit_code == 0, done.exception
    result, items = TaskResult.load(tmp_path / "one/result.json"), read_items(tmp_path / "one")
    assert (result.target, result.judge) == ("", "scripted@1/exact") and not result.judge_is_target
    assert "comparison, judged by scripted@1/exact" in done.output
    # Those who answered took part, not the personas of the preset.
    people = sorted({*items["persona_id"], *items["other_id"]})
    assert len(people) > 2 and result.personas == content_hash(people)
    assert result.prompts == content_hash([items["prompt_id"][0]])
    moved = tmp_path / "moved.csv"
    moved.write_bytes((files / "gold.csv").read_bytes())
    gold[2] = f"gold={moved}"
    assert run("run", *gold, "--judge", "scripted", "--out", tmp_path / "two").exit_code == 0
    two = TaskResult.load(tmp_path / "two/result.json")
    msgspec.structs.replace(two, judge="another").save(tmp_path / "two/result.json")
    board = run("compare", tmp_path / "one", tmp_path / "two")
    assert board.exit_code == 0, board.exception
    assert "another" in board.output and "judge:" not in board.output


def test_a_folder_of_another_run(files, tmp_path):
    common = ["run", "phrases", "--model", "scripted", "--out", tmp_path, "--items", "4"]
    people = ["--personas", files / "people.parquet", "--people"]
    assert run(*common, *people, 4).exit_code == 0
    other = refused(*common, *people, 5)
    assert "a run with other people" in other and "--personas, --people and --seed" in other
    result = TaskResult.load(tmp_path / "result.json")
    msgspec.structs.replace(result, task_version=99).save(tmp_path / "result.json")
    for command in (["score", tmp_path], ["compare", tmp_path, files], ["compare", tmp_path, tmp_path / "x"]):
        assert "version 99 of phrases" in refused(*command) or "no such result" in refused(*command)
    assert "version 99 of phrases" in refused("score", tmp_path)


def test_tasks_say_what_they_need():
    lines = {line.split()[0]: line for line in run("tasks").output.splitlines()}
    assert lines["main"].endswith("Needs --model and --judge.")
    assert lines["phrases"].endswith("Needs --model.")
    assert lines["comparison"].endswith("Needs --model and --judge; with --option gold=FILE no --model.")
    assert "--also-judge" in lines["agreement"]


def test_the_table_shows_brackets_and_leaves_nothing_out_unsaid(tmp_path, files, capsys):
    folder = tmp_path / "run"
    made = ["run", "phrases", "--model", "scripted", "--personas", files / "people.parquet", *SMALL]
    assert run(*made, "--out", folder).exit_code == 0
    counting = Counting(draws=50)
    alone = mean([1.0, 0.0], ["a", "a"], **counting.settings())
    nothing = mean([0.0, 0.0], ["a", "b"], **counting.settings())
    scores = [
        Score(measure="kept", arm="[bold]x[/bold]", estimate=alone, p_value=float("nan")),
        Score(measure="critic_refused", estimate=nothing),
    ]
    result = TaskResult.load(folder / "result.json")
    show_result(msgspec.structs.replace(result, scores=scores, findings=[]))
    told = capsys.readouterr().out
    assert "[bold]x[/bold]" in told and "0.500 (no interval)" in told and "nan" not in told
    assert "critic_refused" not in told and "not listed: none" in told and "2 items of 1 person" in told
    assert open_task("phrases").meta.asks_target({}) and not open_task("comparison").meta.asks_target(
        {"gold": "x"}
    )


def test_scores_of_a_table_ask_nobody(files, tmp_path):
    rows = [
        {"model": name, "question": f"q{n}", "brief": 10 * brief, "kind": kind}
        for name, brief, kind in (("a", 0.9, 0.2), ("b", 0.2, 0.9))
        for n in range(12)
    ]
    pl.DataFrame(rows).write_csv(tmp_path / "scores.csv")
    common = [
        "run",
        "multi-objective",
        "--out",
        tmp_path / "run",
        "--option",
        f"scores={tmp_path / 'scores.csv'}",
    ]
    scale = ["--option", "low=0,0", "--option", "high=10,1"]
    done = run(*common, *scale)
    assert done.exit_code == 0, done.output
    # Clusters are questions, and nobody takes part.
    assert "24 items of 12 questions" in done.output and "people" not in done.output
    assert "audit arms alike: passed" in done.output and "multi-objective, " in done.output
    again = run("score", tmp_path / "run")
    assert again.exit_code == 0 and "24 items of 12 questions" in again.output
    assert "asks no model under test" in refused(*common, *scale, "--model", "scripted")
    # Other scores in the file are another run.
    pl.DataFrame(rows[1:]).write_csv(tmp_path / "scores.csv")
    assert "other files" in refused(*common, *scale)
    told = run("tasks").output
    assert "with --option scores=FILE no --model and no --judge" in told
    assert "with --option judged or --option groups also --judge" in told


def test_what_clusters_are_is_said(files, tmp_path):
    common = ["run", "trade-off", "--model", "scripted", "--personas", files / "people.parquet", *SMALL]
    done = run(*common, "--option", "divisions=2", "--out", tmp_path / "run")
    assert done.exit_code == 0 and "4 items of 4 questions" in done.output, done.output
    assert "take part" not in done.output
    assert "needs a judge" in refused(*common, "--group", "young: age < 99", "--out", tmp_path / "other")
