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


def found_of(first, second, jurors, questions) -> dict[str, bool]:
    """Audits of verdicts in both orders, alike for all jurors; answers of lengths that tell nothing."""
    rng = np.random.default_rng(0)
    items = items_of(np.full((questions, jurors, 2), 0.5))
    words = [" ".join(["word"] * int(n)) for n in rng.integers(5, 40, items.height)]
    one, other = (given(rng, items.height) for given in (first, second))
    said = np.where(one + other > 1, "first", "second")
    items = items.with_columns(
        answer=pl.Series(words), rating=pl.Series(said), nobody=pl.Series(rng.permutation(said)),
        rating_p_shown_first=pl.Series(one), rating_p_shown_second=pl.Series(other),
    )  # fmt: skip
    return {each.name: each.passed for each in open_task("jury").audit(items, Counting())}


@pytest.mark.parametrize(("jurors", "questions"), [(3, 2), (4, 5), (12, 10), (40, 3)])
def test_verdicts_that_turn_with_the_order_fail_whatever_the_size_of_the_jury(jurors, questions):
    turning = found_of(
        lambda rng, n: rng.uniform(0.6, 0.9, n), lambda rng, n: rng.uniform(0.1, 0.4, n), jurors, questions
    )
    assert not turning["position rule"]


def test_a_small_jury_of_honest_verdicts_passes_and_a_tiny_one_is_not_cleared():
    def honest(rng, n):
        return np.where(np.random.default_rng(5).random(n) < 0.5, 0.9, 0.1)

    assert all(found_of(honest, honest, 12, 10).values())
    tiny = found_of(honest, honest, 2, 2)
    assert not tiny["position rule"] and not tiny["length rule"] and not tiny["shuffled persona"]


def test_answers_of_one_length_are_no_longest():
    table = [[[0.9, 0.4, 0.2], [0.9, 0.4, 0.2]]] * 2
    assert values(items_of(table))["wins", "longest answer"] == pytest.approx(1 / 3)
    uneven = values(items_of(table, answers=[["a b", "a b", "a"], ["a", "a b", "a"]]))
    assert uneven["wins", "longest answer"] == pytest.approx((1 / 2 + 0) / 2)


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
