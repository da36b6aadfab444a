"""The bench: planted values are recovered, a run goes on where it stopped, and what is wrong is said."""

from __future__ import annotations

import math
from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
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
from populace.bench.recovery import Recoverable
from populace.bench.runner import play
from populace.bench.scoring import bookkeeping, share
from populace.bench.strangers import strangers
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


def test_the_judge_as_another_person():
    task = open_task("main")
    made, models = planted_bench(planted_target(), planted_judge(), people=60, prompts=60, items=160)
    plain = play(task, replace(made, options={"stranger": "no"}), models)
    items = play(task, made, models)
    # Nothing else changes, and only the headline's mode is asked about once more.
    assert items.drop(*(name for name in items.columns if name.startswith("stranger"))).equals(plain)
    asked = items.filter(pl.col("stranger").is_not_null())
    assert asked["arm"].unique().to_list() == ["demographic_summary"] and asked.height == 160
    few = Counting(draws=100)
    found = {(score.measure, score.arm): score for score in task.score(items, few)}
    stranger = found["satisfied_stranger", "demographic_summary"].estimate
    above = found["satisfied_above_stranger", "demographic_summary"]
    own = found["satisfied", "demographic_summary"].estimate
    assert above.estimate.value == pytest.approx(own.value - stranger.value) and (above.p_value or 0) < 0.001
    # A judge that looks at no persona says of every answer what any stranger says.
    for judge, passed in ((planted_judge(), True), (planted_judge(cheat="nobody"), False)):
        made, models = planted_bench(planted_target(), judge, people=60, prompts=60, items=160)
        items = play(task, replace(made, options={"stranger": True}), models)
        # Where all agree, 60 persons and questions are enough to say so: 0.025^(1/60) is 0.94.
        assert {each.name: each.passed for each in task.audit(items, few)}["shuffled persona"] is passed
    alone, models = planted_bench(planted_target(), planted_judge(), people=1, prompts=4, items=3)
    items = play(task, replace(alone, options={"stranger": True}), models)
    assert set(items.filter(arm="demographic_summary")["stranger"]) == {"unasked"}


@given(st.lists(st.text(max_size=3), min_size=1, max_size=12), st.integers(0, 99))
@settings(deadline=None, max_examples=50)
def test_everybody_has_a_stranger(people, seed):
    found = strangers(people, seed)
    assert set(found) == set(people) and found == strangers(people[::-1], seed)
    if len(set(people)) == 1:
        assert set(found.values()) == {None}
    else:
        assert set(found.values()) == set(people) and all(who != other for who, other in found.items())


def test_scores_know_that_a_question_is_shared():
    # Twenty persons on two questions, one of which all like and the other none: two trials, not forty.
    rows = [(f"p{n}", f"q{q}", "first" if q else "second") for n in range(20) for q in range(2)]
    items = pl.DataFrame(rows, schema=["persona_id", "prompt_id", "critic"], orient="row")
    found = share(items, "critic", Counting())
    assert found.value == 0.5 and found.high - found.low > 0.95
    assert share(items.drop("prompt_id"), "critic", Counting()).high < 0.51  # of these persons it is sure
    (tie, *_) = bookkeeping(items, "critic", "x", Counting())
    assert tie.measure == "critic_tie" and tie.estimate.high == pytest.approx(1 - 0.025 ** (1 / 2))


def test_what_can_be_recovered():
    planted = [name for name in TASKS if isinstance(open_task(name), Recoverable)]
    assert {"main", "leave-one-out", "pass-at-k", "intersectionality"} <= set(planted)
    for name in ("leave-one-out", "pass-at-k"):
        task = open_task(name)
        assert isinstance(task, Recoverable)
        found = list(task.recover(3))
        held = [estimate.low <= truth <= estimate.high for _, truth, estimate in found]
        assert sum(held) >= len(found) - 1 and len({label for label, *_ in found}) == len(found), found


def test_what_fails_is_counted_and_nothing_else_is_asked(tmp_path):
    target = Scripted(
        text=lambda request: Failure(
            key=request.key, boundary="content filter", message="no", retryable=False
        )
    )
    made, models = planted_bench(target, planted_judge(), people=4, prompts=3, items=6)
    found = run_task(open_task("main"), made, models, tmp_path)
    # Six summaries, three questions to nobody, six and six with the persona; none with a summary.
    assert found.failed == {"content filter": 21} and not found.passed
    # Who does not answer satisfies nobody.
    assert found.headline.estimate.value == 0.0 and found.headline.estimate.n == 6
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
