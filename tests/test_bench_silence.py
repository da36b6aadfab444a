"""Silence gains nothing: in scores, in audits and between runs; and what was not scored does not pass."""

from __future__ import annotations

import re
from dataclasses import replace

import polars as pl
import pytest

from populace.bench import TASKS, Counting, open_task, play
from populace.bench.compare import compare, read_runs
from populace.bench.planted import planted_bench, planted_judge, planted_target
from populace.bench.runner import run_task, summed
from populace.bench.scoring import above, scored, share
from populace.bench.silence import unanswered, unjudged
from populace.models.records import Failure, GenerateRequest
from populace.models.scripted import Scripted

FEW = Counting(draws=50)
TASTE = re.compile(r"a life of taste ([a-z])")


def cautious(skill: float) -> Scripted:
    """A target of this skill that says nothing where it would not serve the person whom it is told of."""
    read = planted_target(skill)._text
    assert callable(read)

    def text(request: GenerateRequest) -> str:
        said = str(read(request))
        taste = TASTE.search("\n".join(message.content for message in request.messages))
        known = said.startswith("What matters") or taste is None or f"[{taste[1]}]" in said
        return said if known else ""

    return Scripted(text=text, model=f"planted-cautious-{skill}@1/exact")


def failing(request, before=None) -> Failure:
    return Failure(key=request.key, boundary="content filter", message="no", retryable=False)


def test_a_mute_answer_counts_nothing_and_a_missing_verdict_is_missing():
    rows = pl.DataFrame(
        {
            "item_id": [0, 1, 2, 3] * 2,
            "persona_id": list("abcd") * 2,
            "arm": ["x"] * 4 + ["y"] * 4,
            "answer": ["yes", None, "yes", "yes", *["no"] * 4],
            "critic": ["first", "unasked", "failed", "tie", *["second"] * 4],
            "nobody": ["unasked"] * 8,
        }
    )
    ours = rows.filter(arm="x")
    assert ours.select(scored(ours, "critic")).to_series().to_list() == [1.0, 0.0, None, 0.5]
    assert share(ours, "critic", FEW).value == 0.5 and share(ours, "critic", FEW).n == 3
    assert above(rows, "critic", "x", "y", FEW, measure="gain").estimate.value == 0.5
    # Who was never asked about anything has no share, not one of 0.
    assert not share(ours, "nobody", FEW).defined
    # Where nobody answered at all, everybody was failed.
    dead = ours.with_columns(answer=pl.lit(None, pl.String), critic=pl.lit("unasked"))
    assert share(dead, "critic", FEW).value == 0.0


def test_the_audits_of_silence():
    rows = pl.DataFrame({"persona_id": [f"p{n}" for n in range(40)], "arm": ["x"] * 20 + ["y"] * 20})
    rows = rows.with_columns(pl.int_range(40).alias("n"))

    def mute(count: int) -> pl.DataFrame:
        silent = pl.col("n").is_between(20, 19 + count)
        return rows.with_columns(answer=pl.when(~silent).then(pl.lit("a")))

    assert unanswered(mute(1), FEW).passed and not unanswered(mute(2), FEW).passed  # 1 of 20, 2 of 20
    assert unanswered(mute(2), FEW).shortcut.value == 0.1 and "of the arm y" in unanswered(mute(2), FEW).what

    def open_to(count: int) -> pl.DataFrame:
        left = pl.when(pl.col("n") < count).then(pl.lit("failed")).otherwise(pl.lit("first"))
        return rows.with_columns(critic=left)

    said = open_to(3)
    assert unjudged(open_to(2), "critic", FEW).passed and not unjudged(said, "critic", FEW).passed
    assert not unjudged(said.with_columns(critic=pl.lit("unasked")), "critic", FEW).passed
    assert not unanswered(mute(1).clear(), FEW).passed


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A target that serves 0.6, and one of 0.4 that is silent where it would not serve."""
    place, judge = tmp_path_factory.mktemp("silence"), planted_judge()
    for target in (planted_target(0.6), cautious(0.4)):
        bench, models = planted_bench(target, judge, items=160)
        run_task(open_task("intersectionality"), bench, models, place / target.model[:-8], counting=FEW)
    return place


def test_silence_wins_no_leaderboard(runs):
    loud, mute = read_runs([runs / "planted-target-0.6-0", runs / "planted-cautious-0.4"])
    assert mute.result.headline.estimate.n == 160 and mute.result.headline.estimate.value < 0.5
    failed = {each.name for each in mute.result.findings if not each.passed}
    assert "unanswered" in failed
    assert all(each.passed for each in loud.result.findings if each.name in ("unanswered", "unjudged"))
    board = compare([loud, mute], counting=FEW)
    assert [each.name for each in board.ranking.models] == [loud.name, mute.name]
    assert board.shared[0].items == 160 and not board.shared[0].only_a + board.shared[0].only_b
    assert board.ranking.models[1].score.value == pytest.approx(mute.result.headline.estimate.value)


@pytest.mark.parametrize("name", sorted(each for each in TASKS if not open_task(each).meta.own_people))
def test_what_was_not_scored_does_not_pass(name):
    task = open_task(name)
    options = {
        "pass-at-k": {"k": [1, 2]},
        "diversity": {"questions": 2},
        "leave-one-out": {"leave_out": "sex"},
    }.get(name, {})
    dead = Scripted(fail=failing, model="dead@1/exact")
    silent = [(dead, planted_judge()), (Scripted(text="", model="mute@1/exact"), planted_judge())]
    if task.meta.judged:
        silent.append((planted_target(), dead))
    for target, judge in silent:
        bench, models = planted_bench(target, judge, people=20, items=24)
        bench = replace(bench, temperature=0.7, options=options)
        if name == "agreement":
            other = Scripted(fail=failing, model="dead 2@1/exact") if judge is dead else planted_judge(seed=3)
            bench, models = replace(bench, also={"judge 2": other.model}), {**models, "judge 2": other}
        result = summed(task, bench, play(task, bench, models), FEW, {})
        assert not result.passed, (target.model, judge.model)
        # Silence of the target is a score of 0 or none; that of the judge leaves nothing to score.
        value = result.headline.estimate
        assert not value.defined or (judge is not dead and value.value == 0) or name == "pass-at-k", value
