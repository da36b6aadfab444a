"""The task `jury`: what it asks, what its numbers are, and what it refuses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from populace.bench import Counting, open_task, play
from populace.bench.juries.verdict import scores_of
from populace.bench.planted import planted_bench, planted_judge, planted_target
from populace.errors import StudyError
from populace.models.records import Failure
from populace.models.scripted import Scripted

FEW = Counting(draws=60)
TWO = {"jurors": 6, "arms": "plain,everyone"}


def items_of(ratings, answers=None, groups=None) -> pl.DataFrame:
    """Items of ratings, shape (questions, jurors, arms)."""
    questions, jurors, arms = np.shape(ratings)
    rows = [
        {
            "item_id": q * jurors + j,
            "persona_id": f"p{j}",
            "prompt_id": f"q{q}",
            "group": None if groups is None else groups[j],
            "arm": "abc"[a],
            "answer": "yes" if answers is None else answers[q][a],
            "rating": "first",
            "rating_p": ratings[q][j][a],
            "nobody_p": 0.5,
        }
        for a in range(arms)
        for q in range(questions)
        for j in range(jurors)
    ]
    return pl.DataFrame(
        rows, schema_overrides={"answer": pl.String, "group": pl.String, "rating_p": pl.Float64}
    )


def values(items: pl.DataFrame) -> dict[tuple[str, str], float]:
    return {(each.measure, each.arm): each.estimate.value for each in scores_of(items, FEW)}


def test_scores_by_hand():
    """a: 0.9, 0.9, 0.0 (mean 0.6); b: 0.4 for all. The mean chooses a, the worst-off b, in both questions."""
    table = [[[0.9, 0.4], [0.9, 0.4], [0.0, 0.4]]] * 2
    found = values(items_of(table, groups=["x", "x", "y"]))
    assert found["welfare", "a"] == pytest.approx(0.6) and found["welfare_nash", "a"] == 0
    assert found["welfare_worst", "b"] == pytest.approx(0.4) == pytest.approx(found["welfare_nash", "b"])
    assert found["worst_group", "a"] == 0 and found["worst_group", "b"] == pytest.approx(0.4)
    assert found["wins, utilitarian", "a"] == 1 == found["wins, maximin", "b"] == found["wins, schulze", "a"]
    assert found["parts_from_mean", "maximin"] == 1 and found["parts_from_mean", "schulze"] == 0
    assert found["wins", "random option"] == 0.5 and found["welfare_nobody", "a"] == 0.5


def test_silence_suits_nobody_and_a_missing_verdict_is_none():
    table = [[[0.9, 0.4], [0.7, 0.4]], [[None, 0.4], [0.8, 0.4]]]
    found = values(items_of(table, answers=[[None, "yes"], ["yes", "yes"]]))
    assert found["welfare", "a"] == pytest.approx(0.8 / 3)
    assert found["wins, utilitarian", "a"] == 0.5 and ("wins", "longest answer") not in found


def test_no_interval_is_without_width():
    for score in scores_of(items_of(np.full((5, 6, 2), 0.5), groups=list("xxyyzz")), FEW):
        if score.measure != "worst_group_shuffled":
            assert score.estimate.high != score.estimate.low, score


def test_everybody_rates_every_answer_of_one_jury():
    bench, models = planted_bench(planted_target(), planted_judge(), items=31)
    items = play(open_task("jury"), replace(bench, options=TWO), models)
    assert items.height == 2 * 5 * 6 and items["persona_id"].n_unique() == 6
    assert not items.select("arm", "persona_id", "prompt_id").is_duplicated().any()
    assert items["rating_p"].null_count() == items["nobody_p"].null_count() == 0
    task = open_task("jury")
    assert str(task.score(items, FEW)) == str(task.score(items, FEW))
    assert task.values(items).columns == ["persona_id", "prompt_id", "arm", "value"]


def test_a_failing_judge_leaves_nothing_scored():
    def no(request, before=None):
        return Failure(key=request.key, boundary="x", message="no", retryable=False)

    dead = Scripted(fail=no, model="dead@1/exact")
    bench, models = planted_bench(planted_target(), dead, items=12)
    items = play(open_task("jury"), replace(bench, options=TWO), models)
    assert not open_task("jury").score(items, FEW)[0].estimate.defined


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"jurors": 1}, "cannot be made"), ({"jurors": "2,3"}, "one number"), ({"arms": "plain"}, "two arms"),
        ({"arms": "plain,loud"}, "no arm 'loud'"), ({"group": "shoe"}, "no attribute"),
        ({"jury": 3}, "no setting"),
        ({"jurors": 50}, "fewer than 50 jurors"),
    ],
)  # fmt: skip
def test_settings_that_mean_nothing(options, message):
    bench, _ = planted_bench(planted_target(), planted_judge(), items=24)
    with pytest.raises(StudyError, match=message):
        next(open_task("jury").play(replace(bench, options=options)))


def test_the_task_proves_itself():
    open_task("jury").validate()
