"""`leave-one-out`: the judge knows everything, falls are paired, who has nothing to lose is not counted."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from populace.bench import Bench, Counting, TaskResult, run_task
from populace.bench.blocks import BLOCKS, along, arms_of, left_out
from populace.bench.planted import (
    planted_bench,
    planted_judge,
    planted_people,
    planted_prompts,
    planted_target,
)
from populace.bench.runner import play
from populace.bench.tasks.leave_one_out import LeaveOneOut
from populace.errors import StudyError
from populace.models.records import Failure
from populace.models.scripted import Scripted
from populace.personas.frames import complete, named
from populace.personas.schema import COLUMNS

FEW = Counting(draws=200)


def test_every_attribute_is_left_out_once():
    names = [name for block in left_out({}).values() for name in block]
    assert sorted(names) == sorted(COLUMNS)
    assert set(BLOCKS) < set(left_out({})) and BLOCKS["work"][-2:] == ("income", "veteran_status")
    each = left_out({"attributes": "true"})
    assert set(COLUMNS) < set(each) and each["religion"] == ("religion",)
    assert left_out({"leave_out": "opinions"}) == {
        "opinions": ("ideology", "political_views", "religion"),
    }


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"leave_out": ["gender"]}, "cannot leave out 'gender'"),
        ({"leaveout": ["sex"]}, "no setting 'leaveout'.*did you mean 'leave_out'"),
        ({"attributes": "maybe"}, "neither on nor off"),
    ],
)
def test_settings_that_mean_nothing(options, says):
    with pytest.raises(StudyError, match=says):
        left_out(options)


def people() -> pl.DataFrame:
    """Two women and two men; one of each has no ideology."""
    rows = {
        "person_id": ["a", "b", "c", "d"],
        "age": [30, 31, 32, 33],
        "sex": ["Female", "Female", "Male", "Male"],
        "fertility": ["Yes", None, None, None],
        "ideology": ["Liberal", None, "Conservative", None],
        "lifestyle": [f"a life of taste a, number {n}" for n in range(4)],
    }
    return named(complete(pl.DataFrame(rows)))


def bench_of(**changes: object) -> Bench:
    made = Bench(personas=people(), prompts=planted_prompts(2), target="t", judge="j", items=8, seed=3)
    return replace(made, **changes)  # pyright: ignore[reportArgumentType]


def test_only_what_is_there_is_left_out():
    arms = arms_of(bench_of(options={"leave_out": ["ideology", "sex", "work"]}), people()["persona_id"])
    assert list(arms) == ["full", "again", "nobody", "without ideology", "without sex", "without work"]
    full = arms["full"].shown
    has = people().filter(pl.col("ideology").is_not_null())["persona_id"].to_list()
    assert set(arms["without ideology"].shown) == set(has) and not arms["without work"].shown
    # Without the sex there is no birth either, which only a woman can have given.
    birth = next(who for who in has if "gave birth" in str(full[who]))
    assert "birth" not in str(arms["without sex"].shown[birth])
    assert all("man" not in str(text) for text in arms["without sex"].shown.values())
    assert arms["again"] == (full, 1) and set(arms["nobody"].shown.values()) == {None}
    assert along("without sex") == ["household_type", "fertility"]


def test_who_is_left_with_no_words_is_nobody():
    only = named(complete(pl.DataFrame({"person_id": ["a"], "sex": ["Male"]})))
    arms = arms_of(bench_of(personas=only, options={"leave_out": "sex"}), only["persona_id"])
    assert list(arms["without sex"].shown.values()) == [None]


@pytest.mark.parametrize(("temperature", "asked"), [(0.0, 0.7), (0.3, 0.3)])
def test_the_judge_knows_everything_and_the_target_does_not(temperature, asked):
    to_target, to_judge = [], []
    target = Scripted(text=lambda request: to_target.append(request) or f"said {request.key}")
    judge = Scripted(choice=lambda request: to_judge.append(request) or (0.9, 0.1))
    made = bench_of(temperature=temperature, options={"leave_out": ["lifestyle", "ideology"]})
    items = play(LeaveOneOut(), made, {"target": target, "judge": judge})
    # Eight items in three arms and without lifestyle, four without an ideology.
    assert len(to_target) == 4 * 8 + 4
    assert {request.temperature for request in to_target} == {asked}
    assert [request.sample for request in to_target].count(1) == 8
    told = ["life of taste" in request.messages[0].content for request in to_target]
    assert sum(told) == 8 + 8 + 4
    assert all("life of taste" in request.messages[0].content for request in to_judge)
    # Each answer is judged in two orders, and all but the full one beside the full one.
    assert len(to_judge) == 2 * (36 + 28)
    assert items.filter(arm="without ideology", told=False)["critic"].to_list() == ["unasked"] * 4


def made_items(arms: dict[str, tuple[list[str], list[str]]]) -> pl.DataFrame:
    frames = [
        pl.DataFrame(
            {
                "item_id": range(len(critic)),
                "persona_id": [f"p{n}" for n in range(len(critic))],
                "prompt_id": [f"q{n}" for n in range(len(critic))],
                "arm": arm,
                "told": [outcome != "unasked" for outcome in critic],
                "temperature": 0.7,
                "answer": [f"{arm} {'word ' * n}" for n in range(len(critic))],
                "critic": critic,
                "choice": choice,
                "choice_p_shown_first": 0.9,
                "choice_p_shown_second": 0.1,
            }
        )
        for arm, (critic, choice) in arms.items()
    ]
    return pl.concat(frames)


ITEMS = {
    "full": (["first", "first", "first", "second"], ["unasked"] * 4),
    "again": (["first", "first", "second", "first"], ["tie"] * 4),
    "nobody": (["second", "second", "second", "second"], ["first"] * 4),
    "without sex": (["second", "first", "second", "failed"], ["first", "tie", "second", "first"]),
    "without age": (["unasked", "first", "first", "tie"], ["unasked", "first", "tie", "tie"]),
}


def test_falls_and_wins_by_hand():
    scores = LeaveOneOut().score(made_items(ITEMS), FEW)
    found = {(score.measure, score.arm): score for score in scores}
    assert scores[0] is found["fall", "nobody"] and "temperature 0.7" in scores[0].note
    # Full is satisfied with 1, 1, 1, 0 of the four items.
    sex, age = found["fall", "without sex"], found["fall", "without age"]
    assert sex.estimate.value == pytest.approx(2 / 3) and sex.estimate.n == 3  # 1-0, 1-1, 1-0; one failed
    assert age.estimate.value == pytest.approx(-1 / 6) and age.estimate.n == 3  # 1-1, 1-1, 0-1/2
    assert found["fall", "nobody"].estimate.value == 0.75
    assert found["fall", "again"].estimate.value == 0.0 and found["fall", "again"].note == "noise floor"
    # Half of the signs of 1, 0, 1 leave the sum at 2 or -2, all signs of one number do. Falls and wins are
    # one family.
    assert sex.p_value == 1.0 and "p by Holm over 4; 1 by Benjamini-Hochberg, 0.5 alone" in sex.note
    assert age.p_value == 1.0
    # The family is only what is left out: 1, 1, 1, 0 keep their sum in 2 of 8 flips.
    assert found["fall", "nobody"].p_value == 0.25
    assert found["wins", "without sex"].estimate.value == 0.625  # 1, 1/2, 0, 1
    assert found["wins", "nobody"].estimate.value == 1.0 and found["wins", "nobody"].p_value == 0.125
    assert found["told", "without age"].estimate.value == 0.75
    # Twice the full persona differs by 0, 0, 1, -1: V = 4/3 x 2/16 = 1/6, on the scale of 0 to 1 worth
    # n* = (1/4) / (1/24) = 6 trials. Wilson at 1/2, twice: t / sqrt(6 + t^2), with t of three degrees.
    t = 3.182446
    assert found["fall", "again"].estimate.low == pytest.approx(-t / (6 + t**2) ** 0.5)
    assert "within the noise floor" in age.note
    # The second samples all tie with the first: 0.602 of four people may not, half a win each way.
    assert found["wins", "again"].estimate.high == pytest.approx(0.5 + 0.602365 / 2)
    assert "within the noise floor" not in found["wins", "nobody"].note
    assert found["critic_failed", ""].estimate.value == pytest.approx(1 / 19)
    assert "household_type, fertility" in sex.note


def test_no_difference_at_all_is_not_certain():
    same = (["first"] * 4, ["tie"] * 4)
    items = made_items(dict.fromkeys(("full", "again", "nobody", "without sex"), same))
    fall = LeaveOneOut().score(items, FEW)[0].estimate
    # None of four clusters apart excludes more than 1 - 0.025^(1/4).
    assert (fall.value, fall.low, fall.high) == (0.0, pytest.approx(-0.602365), pytest.approx(0.602365))


def test_audits_by_hand():
    found = {each.name: each for each in LeaveOneOut().audit(made_items(ITEMS), FEW)}
    # The fall from `again` to nobody is 3 of 4 too; no interval of four people lies above 0 for sure.
    assert found["same persona twice"].beside.value == 0.75  # pyright: ignore[reportOptionalMemberAccess]
    # Always number 1 in both orders; four people are too few to convict, six are enough.
    assert found["position rule"].shortcut.value == 1.0 and found["position rule"].passed
    more = {arm: (critic + critic[:2], choice + choice[:2]) for arm, (critic, choice) in ITEMS.items()}
    assert not {each.name: each.passed for each in LeaveOneOut().audit(made_items(more), FEW)}[
        "position rule"
    ]
    alike = made_items(ITEMS).with_columns(pl.lit("the same").alias("answer"))
    assert not {each.name: each for each in LeaveOneOut().audit(alike, FEW)}["position rule"].shortcut.n


def test_a_run_goes_on_and_scores_alike(tmp_path):
    target, judge = planted_target(), planted_judge()
    made, models = planted_bench(target, judge, people=8, prompts=4, items=16)
    made = replace(made, options={"leave_out": ["lifestyle", "work"]})
    run_task(LeaveOneOut(), made, models, tmp_path, counting=FEW)
    asked = sum(target.asked.values()) + sum(judge.asked.values())
    before = (tmp_path / "result.json").read_bytes()
    run_task(LeaveOneOut(), made, models, tmp_path, counting=FEW)
    assert sum(target.asked.values()) + sum(judge.asked.values()) == asked
    assert (tmp_path / "result.json").read_bytes() == before
    told = {(s.measure, s.arm): s for s in TaskResult.load(tmp_path / "result.json").scores}
    # Planted people have no work: nothing is asked, and nothing is claimed.
    assert told["told", "without work"].estimate.value == 0.0
    nothing = told["fall", "without work"]
    assert not nothing.estimate.defined and nothing.p_value is None
    assert "Holm over 2" in told["fall", "without lifestyle"].note


def test_what_fails_is_counted():
    broken = Scripted(
        text=lambda request: Failure(key=request.key, boundary="server", message="no", retryable=False)
    )
    made, models = planted_bench(broken, planted_judge(), people=4, prompts=2, items=4)
    made = replace(made, options={"leave_out": "sex"})
    items = play(LeaveOneOut(), made, models)
    scores = {(s.measure, s.arm): s.estimate for s in LeaveOneOut().score(items, FEW)}
    assert scores["critic_unasked", ""].value == 1.0 and scores["fall", "nobody"].value == 0.0
    assert scores["satisfied", "full"].value == 0.0
    assert not LeaveOneOut().audit(items, FEW)[0].passed


def test_by_likelihood():
    made, models = planted_bench(planted_target(), Scripted(), people=6, prompts=3, items=9)
    made = replace(made, way="likelihood", judge="scripted@1/exact", options={"leave_out": "lifestyle"})
    items = play(LeaveOneOut(), made, models)
    found = {each.name: each for each in LeaveOneOut().audit(items, FEW)}
    assert (
        found["position rule"].shortcut.value == 0.0
        and items["critic"].is_in(["first", "second", "tie"]).all()
    )


def test_only_who_is_asked_is_described():
    many = bench_of(personas=planted_people(50), items=3, options={"leave_out": "sex"})
    three = many.personas["persona_id"][:3]
    assert set(arms_of(many, three)["full"].shown) == set(three)
