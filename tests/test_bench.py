"""The bench: planted values are recovered, a run goes on where it stopped, and what is wrong is said."""

from __future__ import annotations

import math

import polars as pl
import pytest
from typer.testing import CliRunner

from populace.bench import TASKS, Bench, Counting, TaskResult, open_task, result_schema, run_task
from populace.bench.elicit import needs_revision, prefer, verdict_of
from populace.bench.pairing import paired
from populace.bench.planted import (
    planted_bench,
    planted_judge,
    planted_people,
    planted_prompts,
    planted_target,
)
from populace.cli import app
from populace.errors import DataError, StudyError
from populace.models.records import Choice, Failure
from populace.models.scripted import Scripted


@pytest.mark.parametrize("name", TASKS)
def test_a_task_proves_itself_on_planted_people(name):
    open_task(name).validate()


def bench(**changes: object) -> Bench:
    people = {"personas": planted_people(6), "prompts": planted_prompts(4), "target": "t", "judge": "j"}
    return Bench(**(people | changes))  # pyright: ignore[reportArgumentType]


def test_pairs_are_distinct_and_even():
    every = paired(bench(items=24))
    assert every.select("persona_id", "prompt_id").unique().height == 24
    some = paired(bench(items=13))
    for name, each in (("persona_id", (2, 3)), ("prompt_id", (3, 4))):
        assert set(some[name].value_counts()["count"]) == set(each)
    with pytest.raises(StudyError, match="25 items cannot be made of 6 personas and 4 questions"):
        paired(bench(items=25))


def choice(first: float | None, second: float | None) -> Choice:
    return Choice(key="k", log_likelihoods=(first, second), tokens=(1, 1))


def test_verdicts_by_hand():
    # Number 1 with log-odds 2 when shown first, number 2 with log-odds 1 when shown second: mean 1.5.
    found = verdict_of(bench(), choice(-1.0, -3.0), choice(-2.0, -1.0))
    assert found.outcome == "first" and found.p == pytest.approx(1 / (1 + math.exp(-1.5)))
    assert found.orders == (pytest.approx(1 / (1 + math.exp(-2))), pytest.approx(1 / (1 + math.exp(-1))))
    # By likelihood: the persona moves the log-odds from 3 to 1, so it is the second that it speaks for.
    told = verdict_of(bench(way="likelihood"), choice(-1.0, -2.0), choice(-1.0, -4.0))
    assert told.outcome == "second" and told.p == pytest.approx(1 / (1 + math.exp(2)))
    assert verdict_of(bench(), choice(None, None), choice(-1, -2)).outcome == "refused"
    failed = Failure(key="k", boundary="server", message="no", retryable=True)
    assert verdict_of(bench(), failed, choice(-1, -2)).outcome == "failed"
    assert needs_revision(bench(), "me", "Why?", None) is None
    assert prefer(bench(), "me", "Why?", "A.", None) is None


def test_a_run_goes_on_and_scores_alike(tmp_path):
    task = open_task("main")
    target, judge = planted_target(), planted_judge()
    made, models = planted_bench(target, judge, people=10, prompts=6, items=30)
    first = run_task(task, made, models, tmp_path, counting=Counting(draws=200))
    asked = sum(target.asked.values()) + sum(judge.asked.values())
    before = (tmp_path / "result.json").read_bytes()
    again = run_task(task, made, models, tmp_path, counting=Counting(draws=200))
    assert sum(target.asked.values()) + sum(judge.asked.values()) == asked
    assert (tmp_path / "result.json").read_bytes() == before
    assert TaskResult.load(tmp_path / "result.json").headline.arm == first.headline.arm == again.headline.arm
    assert pl.read_parquet(tmp_path / "items.parquet").height == 4 * 30


def test_what_fails_is_counted_and_nothing_else_is_asked(tmp_path):
    target = Scripted(
        text=lambda request: Failure(
            key=request.key, boundary="content filter", message="no", retryable=False
        )
    )
    made, models = planted_bench(target, planted_judge(), people=4, prompts=3, items=6)
    found = run_task(open_task("main"), made, models, tmp_path)
    # Six summaries, three questions to nobody, six and six with the persona; none with a summary.
    assert found.failed == {"content filter": 21} and not found.headline.estimate.defined
    shares = {score.measure: score.estimate.value for score in found.scores if score.arm == "baseline"}
    assert shares["critic_unasked"] == 1.0


def test_a_result_that_is_none(tmp_path):
    (tmp_path / "x.json").write_text("{}")
    for name, says in (("x.json", "this is no result of a task"), ("y.json", "there is no such result")):
        with pytest.raises(DataError, match=says):
            TaskResult.load(tmp_path / name)
    assert "TaskResult" in result_schema()["$defs"]


def test_the_command(tmp_path):
    folder = str(tmp_path / "run")
    base = ["bench", "run", "main", "--model", "scripted", "--out", folder, "--items", "8", "--people", "6"]
    needs = CliRunner().invoke(app, base)
    assert isinstance(needs.exception, StudyError) and "needs a judge" in str(needs.exception)
    done = CliRunner().invoke(app, [*base, "--judge", "same"])
    assert done.exit_code == 0, done.exception
    assert "The model judged its own answers." in done.output
    other = CliRunner().invoke(app, [*base[:-3], "9", *base[-2:], "--judge", "same"])
    assert "this folder holds a run with items 8, not 9" in str(other.exception)
    strange = CliRunner().invoke(app, ["bench", "run", "mian", "--model", "scripted", "--out", folder])
    assert "did you mean 'main'?" in str(strange.exception)
