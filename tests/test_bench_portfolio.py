"""The task `portfolio`: members held out, weights from either half, options, tables, runs that go on."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from populace.bench import Counting, open_task, play, run_task
from populace.bench.planted import planted_bench
from populace.bench.portfolios.candidates import STYLES, TRAIT, scaled, scores_in
from populace.bench.portfolios.held_out import CEILING, ONE, OURS, SHUFFLED, held_out
from populace.bench.portfolios.planting import expected_scores, planted_chooser, planted_styles
from populace.bench.runner import read_items, summed
from populace.errors import DataError, StudyError
from populace.models.scripted import Scripted
from populace.portfolio import best_of_size, worst_regret
from populace.traits import scorer

FULL = os.environ.get("POPULACE_CHAOS") == "full"
FEW = Counting(draws=60)
TASK = open_task("portfolio")


def bench(target=None, judge=None, **options):
    made, models = planted_bench(
        target or planted_styles(), judge or planted_chooser(), people=12, prompts=12, items=72
    )
    return replace(made, options={"questions": 12, **options}), models


def played(*args, **options):
    made, models = bench(*args, **options)
    return play(TASK, made, models)


@pytest.fixture(scope="module")
def even():
    return played(weights="even")


@pytest.fixture(scope="module")
def judged():
    return played(groups=["young: age < 50"])


def test_planted_members_are_recovered(even):
    found = held_out(even, FEW)
    right = best_of_size(expected_scores(), 3).members
    for fold in found.folds:
        assert tuple(fold.members(OURS, 3)[0]) == right
        # What is measured is the other half: six questions each, none in both.
        assert fold.scores.shape == (5, 6, 3)
    assert sorted(np.concatenate(found.order).tolist()) == list(range(12))
    assert not found.people.sampled and found.people.halves[0] is found.people.halves[1]


def test_values_by_hand(even):
    """The value of the portfolio is that of a loop over people, folds and questions."""
    found, total = held_out(even, FEW), []
    for fold in found.folds:
        members = fold.members(OURS, 2)[0]
        for weights in found.people.halves[0]:
            arm = max(members, key=lambda each: (weights @ fold.plan[each], -each))
            total += [float(weights @ fold.scores[arm, asked]) for asked in range(6)]
    assert found.values(OURS, 2).mean() == pytest.approx(np.mean(total))
    worst = np.mean([worst_regret(f.scores.mean(axis=1), f.members(OURS, 2)[0]).value for f in found.folds])
    estimate = found.worst(OURS, 2)
    assert estimate.value == pytest.approx(worst) and estimate.low <= worst <= estimate.high


def test_scores_are_complete_and_in_order(judged):
    scores = TASK.score(judged, FEW)
    found = {(each.measure, each.arm, each.group): each.estimate for each in scores}
    assert scores[0].measure == "value" and scores[0].arm == OURS
    for way in ("portfolio", "average", "k-means", "uniform", "random"):
        worst = [found["worst", f"{way}, {size}", ""].value for size in range(1, 6)]
        assert len(worst) == 5 and all(each >= 0 for each in worst)
    # More members are no worse for the portfolio, on these planted arms.
    ours = [found["regret", f"portfolio, {size}", ""].value for size in range(1, 6)]
    assert ours[0] > ours[-1] and found["worst", "portfolio, 5", ""].value == pytest.approx(0, abs=1e-9)
    assert found["regret", OURS, "young"].defined
    assert sum(found["sent", arm, ""].value for arm in STYLES if ("sent", arm, "") in found) == pytest.approx(
        1
    )
    assert found["ahead", SHUFFLED, ""].value > 0
    assert found["told", "own weights", ""].value > found["told", SHUFFLED, ""].value
    assert repr(TASK.score(judged, FEW)) == repr(scores)


def test_weights_come_from_either_half_alone(judged):
    """Choices on the questions of one half change the weights of that half, and not those of the other."""
    before = held_out(judged, FEW)
    second = {before.questions[place] for place in before.order[0]}
    turned = pl.col("prompt_id").is_in(list(second)) & (pl.col("part") == "choice")
    flipped = pl.when(pl.col("critic") == "first").then(pl.lit("second")).otherwise(pl.lit("first"))
    after = held_out(judged.with_columns(critic=pl.when(turned).then(flipped).otherwise("critic")), FEW)
    assert np.array_equal(before.people.halves[0], after.people.halves[0])
    assert not np.allclose(before.people.halves[1], after.people.halves[1])
    # People are sent by the one and measured by the other.
    assert (
        before.folds[0].routed is before.people.halves[0] and before.folds[0].own is before.people.halves[1]
    )


def test_the_ceiling_is_not_below_a_portfolio_where_weights_are_known(even):
    found = held_out(even, FEW)
    ceiling, ours = found.values(CEILING).mean(), found.values(OURS, 2).mean()
    assert ceiling >= ours >= found.values("average", 1).mean() > 0
    result = summed(TASK, bench(weights="even")[0], even, FEW, {})
    assert {each.arm for each in result.scores if each.measure == "ahead"} >= {ONE, SHUFFLED, "random"}


def test_a_table_of_people(tmp_path):
    path = tmp_path / "people.csv"
    rows = "".join(
        f"{name},{a},{b},{c}\n" for name, a, b, c in [("x", 1, 0, 0), ("y", 0, 1, 0), ("z", 0, 0, 1)]
    )
    path.write_text("persona_id,brevity,readability,politeness\n" + rows)
    items = played(people=str(path))
    found = held_out(items, FEW)
    assert found.people.names == ["x", "y", "z"] and found.people.sampled
    fold = found.folds[0]
    arms = [found.arms[arm] for arm in fold.sent(fold.members(OURS, 3)[0], fold.routed)]
    assert arms == ["brief", "simple", "courteous"]
    for text, said in (
        ("persona_id,brevity,readability,politeness\nx,1,0,0.5\ny,1,0,0\n", "row 1.*sum to 1"),
        ("persona_id,brevity,readability\nx,1,0\n", "two people|no column"),
        ("persona_id,brevity,readability,politeness\nx,1,0,0\nx,1,0,0\n", "twice"),
        ("who,brevity\nx,1\n", "persona_id"),
    ):
        path.write_text(text)
        with pytest.raises((DataError, StudyError), match=said):
            played(people=str(path))


def test_what_is_not_said_and_what_cannot_be_read():
    assert scaled(scorer("politeness"), [None, "Thank you."], ["?", "?"])[0] == 0.0
    assert scaled(scorer("readability"), ["你好。"], ["?"]) == [None]
    items = played(weights="even")
    half = pl.col("prompt_id").is_in(sorted(items["prompt_id"].drop_nulls().unique())[:4])
    broken = items.with_columns(
        pl.when(half & (pl.col("arm") == "plain"))
        .then(None)
        .otherwise(f"{TRAIT}readability")
        .alias(f"{TRAIT}readability")
    )
    assert len(scores_in(broken)[2]) == 8
    failed = {each.name for each in TASK.audit(broken, FEW) if not each.passed}
    assert failed == {"unread"}


def test_a_mute_target_gets_nothing():
    mute = Scripted(text="", model="mute@1/exact")
    result = summed(TASK, *nothing(mute, planted_chooser()), FEW, {})
    assert result.headline.estimate.value == 0 and not result.passed


def nothing(target, judge):
    made, models = bench(target, judge)
    return made, play(TASK, made, models)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"arms": "plain"}, "at least two"),
        ({"arms": "plain,rude"}, "no arm 'rude'"),
        ({"traits": "brevity,-brevity"}, "at least two"),
        ({"traits": "brevity,wit"}, "no trait 'wit'"),
        ({"size": 9}, "size is 9"),
        ({"size": "1,2"}, "2 numbers"),
        ({"questions": 2}, "too few"),
        ({"weights": "mine"}, "weights is 'mine'"),
        ({"weights": "even", "people": "x.csv"}, "twice"),
        ({"weights": "even", "groups": "young: age < 30"}, "people who choose"),
        ({"groups": "sex,ideology"}, "crossing"),
        ({"sise": 3}, "did you mean 'size'"),
    ],
)
def test_options_that_mean_nothing(options, said):
    made, models = bench(**options)
    with pytest.raises(StudyError, match=said):
        play(TASK, made, models)


def test_two_traits_and_one_that_tells_nothing():
    """Planted politeness of two arms is one: a trait on which all arms are alike costs nobody anything."""
    items = played(weights="even", arms="brief,detailed,plain", traits="brevity,politeness", size=1)
    found = held_out(items, FEW)
    assert [found.arms[each] for each in found.folds[0].members(OURS, 2)[0]] == ["brief"]
    assert found.worst(OURS, 1).value == pytest.approx(0, abs=1e-9)


def test_a_run_is_a_folder_and_goes_on(tmp_path):
    made, models = bench(weights="even")
    first = run_task(TASK, made, models, tmp_path / "run", counting=FEW)
    _, again = bench(weights="even")
    second = run_task(TASK, made, again, tmp_path / "run", counting=FEW)
    assert repr(first.scores) == repr(second.scores)
    assert read_items(tmp_path / "run").height == 5 * 12 + 66
    values = TASK.values(read_items(tmp_path / "run"))
    assert values.height == 66 * 12 and values["value"].is_between(0, 1).all()


@pytest.mark.skipif(not FULL, reason="plays the task a dozen times")
def test_the_task_proves_itself():
    TASK.validate()
