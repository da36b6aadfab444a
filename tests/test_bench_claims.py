"""No claim that is not earned: families of tests, comparisons of models alike, intervals of no width."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from populace import stats
from populace.bench import Counting, open_task, play, run_task
from populace.bench.compare import compare, read_runs
from populace.bench.differing import differing
from populace.bench.dyadic_ranks import rank_couples
from populace.bench.planted import planted_bench, planted_judge, planted_target
from populace.bench.planted_words import planted_deaf, planted_guesser, planted_summariser
from populace.bench.ranks import rank_crossed
from populace.bench.scoring import above

FEW = Counting(draws=50)
TEXTS = ["one two three four", "five six seven eight", "red green blue pink", "cat dog cow pig"]


def crowd(rng: np.random.Generator, people: int, questions: int) -> pl.DataFrame:
    """Answers of which three in four are one text."""
    said = rng.choice(4, (questions, people), p=[0.75, 0.15, 0.05, 0.05])
    rows = [
        (f"p{who}", f"q{what}", "persona", TEXTS[said[what, who]])
        for what in range(questions)
        for who in range(people)
    ]
    return pl.DataFrame(rows, schema=["persona_id", "prompt_id", "arm", "answer"], orient="row")


def test_two_targets_of_one_spread_are_not_told_apart_by_their_spread():
    """By the mean of each person's row, as if persons were independent, three in ten are."""
    rng, claims, naive, held = np.random.default_rng(11), 0, 0, 0
    for _ in range(100):
        one, other = (differing(crowd(rng, 50, 2)) for _ in range(2))
        assert one.select("persona_id", "other_id", "prompt_id").equals(
            other.select("persona_id", "other_id", "prompt_id")
        )
        scores = np.stack([one["value"], other["value"]], axis=1)
        found = rank_couples(scores, one["persona_id"], one["other_id"], names=["a", "b"]).pairs[0]
        claims += found.p_value <= 0.05
        held += found.difference.low <= 0 <= found.difference.high
        ends = [
            pl.concat([each.select(pl.col(end).alias("who"), "value") for end in ("persona_id", "other_id")])
            for each in (one, other)
        ]
        means = [each.group_by("who").agg(pl.col("value").mean()).sort("who") for each in ends]
        naive += stats.paired_test(*(each["value"] for each in means), flips=199, draws=10).p_value <= 0.05
    assert claims <= 12 and held >= 88 and naive >= 15


def test_two_targets_that_differ_by_question_alone_are_not_told_apart():
    """A dozen questions, hard for the one or the other: persons alone would be sure of either."""
    rng, claims, naive = np.random.default_rng(12), 0, 0
    who, what = np.repeat(np.arange(60), 12), np.tile(np.arange(12), 60)
    for _ in range(60):
        rates = 0.5 + 0.3 * rng.uniform(-1, 1, (12, 2))
        scores = (rng.random((720, 2)) < rates[what]).astype(np.float64)
        found = rank_crossed(scores, pl.Series(who), pl.Series(what), names=["a", "b"])
        claims += len(found.groups) > 1
        naive += stats.paired_test(scores[:, 0], scores[:, 1], who, flips=199, draws=10).p_value <= 0.05
    assert claims <= 8 and naive >= 25


def test_the_modes_of_main_are_one_family():
    bench, models = planted_bench(planted_target(0.35), planted_judge(), items=80)
    task = open_task("main")
    items = play(task, replace(bench, options={"stranger": False}), models)
    found = [score for score in task.score(items, FEW) if score.measure == "satisfied_above_baseline"]
    alone = [
        above(items, "critic", score.arm, "baseline", FEW, measure="x").p_value or 0.0 for score in found
    ]
    assert [score.p_value for score in found] == stats.holm(alone).tolist()
    assert all("p by Holm over 3" in score.note for score in found)


def test_summaries_are_compared_by_all_that_they_keep(tmp_path):
    for name, kept in (("a", 0.7), ("b", 0.3)):
        target = planted_summariser({"age": kept, "sex": kept, "ideology": kept}, seed=int(10 * kept))
        bench, models = planted_bench(target, planted_judge(), items=60)
        run_task(open_task("phrases"), bench, models, tmp_path / name, counting=FEW)
    runs = read_runs([tmp_path / "a", tmp_path / "b"])
    board = compare(runs, counting=FEW)
    assert board.arm == "" and {"", "age", "sex"} <= set(board.arms)
    for run in runs:
        model = next(each for each in board.ranking.models if each.name == run.name)
        assert model.score.value == pytest.approx(run.result.headline.estimate.value)


@pytest.mark.parametrize("kind", ["perfect", "always the first", "one answer for all"])
def test_no_interval_is_without_width(kind):
    """Nothing is certain of a sample; the variety of words has a range of subsets, which is no interval."""
    judge = planted_judge(cheat="first") if kind == "always the first" else planted_judge()
    bench, models = planted_bench(planted_target(1.0), judge, people=12, items=18)
    options = {
        "leave-one-out": {"leave_out": "sex"},
        "pass-at-k": {"k": [1, 2]},
        "diversity": {"questions": 1},
    }
    names = ["main", "intersectionality", "leave-one-out", "pass-at-k", "agreement", "phrases", "diversity"]
    if kind == "one answer for all":
        names = ["comparison", "diversity"]
        bench, models = planted_bench(planted_deaf(), planted_guesser(), people=24, items=18)
    for name in names:
        made, task = replace(bench, temperature=0.7, options=options.get(name, {})), open_task(name)
        played = models
        if name == "agreement":
            other = planted_judge(seed=2)
            made, played = replace(made, also={"judge 2": other.model}), {**models, "judge 2": other}
        for score in task.score(play(task, made, played), FEW):
            found = score.estimate
            subsets = found.method.startswith("subsets")
            assert subsets or not (found.defined and found.low == found.high), (name, score)
