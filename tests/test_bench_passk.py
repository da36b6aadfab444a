"""`pass-at-k`: tries are independent, failures count, and the judge's error is in the interval."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from populace.bench import Bench, Counting, TaskResult, run_task
from populace.bench.options import listed, switched, whole_numbers
from populace.bench.planted import (
    planted_bench,
    planted_judge,
    planted_people,
    planted_prompts,
    planted_target,
)
from populace.bench.runner import play
from populace.bench.tasks.pass_at_k import PassAtK
from populace.bench.tries import gain, judged, noisy, tries_of
from populace.errors import StudyError
from populace.models.records import Failure
from populace.models.scripted import Scripted

FEW = Counting(draws=200)


def bench_of(**changes: Any) -> Bench:
    made = Bench(
        personas=planted_people(3),
        prompts=planted_prompts(2),
        target="t",
        judge="j",
        items=6,
        temperature=0.7,
        options={"k": "1,2", "samples": 3},
    )
    return replace(made, **changes)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"temperature": 0.0}, "needs a temperature above 0"),
        ({"options": {"k": [4], "samples": 2}}, r"samples 2 cannot tell pass@4"),
        ({"options": {"k": [1], "samples": [2, 3]}}, r"samples 2, 3 cannot tell"),
        ({"options": {"k": "0,1"}}, "k holds '0'"),
        ({"options": {"k": ""}}, "k is empty"),
        ({"options": {"k": 1.5}}, "k holds 1.5"),
        ({"options": {"ks": [1]}}, "did you mean 'k'"),
        ({"options": {"nobody": 2}}, "neither on nor off"),
    ],
)
def test_settings_that_mean_nothing(changes, says):
    with pytest.raises(StudyError, match=says):
        next(PassAtK().play(bench_of(**changes)))


def test_settings_as_a_command_line_gives_them():
    assert whole_numbers("k", ["4", 1, "1"]) == [1, 4] and listed(("a", "b")) == ["a", "b"]
    assert switched("nobody", "No") is False


def test_tries_are_independent_and_judged_one_by_one():
    to_target, to_judge = [], []
    target = Scripted(text=lambda request: to_target.append(request) or "the same")
    judge = Scripted(choice=lambda request: to_judge.append(request) or (0.9, 0.1))
    items = play(PassAtK(), bench_of(), {"target": target, "judge": judge})
    # Six items, three tries, each a request of its own. Nobody's tries at two questions are all people's.
    assert [len({request.key for request in half}) for half in (to_target[:18], to_target[18:])] == [18, 6]
    assert {len(request.messages) for request in to_target} == {2}
    assert {request.temperature for request in to_target} == {0.7}
    # The judge is asked about each try in two orders, also where all tries say the same.
    assert len({request.key for request in to_judge[:36]}) == 36 and len(to_judge) == 72
    # The judge is asked about the question that was asked, in the role of who asked it.
    for request in to_judge:
        user = request.messages[1].content
        assert "What do you think of matter" in user and "You were answered: the same\n" in user
        assert "life of taste" in request.messages[0].content
    assert items.group_by("arm", "sample").len()["len"].to_list() == [6] * 6
    assert not any("life of taste" in request.messages[0].content for request in to_target[18:])
    alone = play(
        PassAtK(), bench_of(options={"k": 2, "nobody": "no"}), {"target": Scripted(), "judge": Scripted()}
    )
    assert alone["arm"].unique().to_list() == ["persona"] and alone.height == 12
    assert "nobody" not in {each.name for each in PassAtK().audit(alone, FEW)}


# Persona a: tries judged (first order, second order); None is a try without a verdict.
TRIES = {
    "a": [(0.9, 0.9), (0.9, 0.2), (0.2, 0.1), (None, None)],
    "b": [(0.1, 0.1), (0.3, 0.6), (0.2, 0.2), (0.1, 0.4)],
}


def made_items(way: str = "choice", arm: str = "persona", tries: Any = None) -> pl.DataFrame:
    rows = [
        {
            "item_id": item,
            "persona_id": who,
            "prompt_id": f"q{item}",
            "arm": arm,
            "sample": sample,
            "answer": None if first is None else f"{arm} {sample // 2}",
            "way": way,
            "k": [1, 2],
            "critic": "unasked" if first is None else "first" if first + second > 1 else "second",
            "critic_p_shown_first": first,
            "critic_p_shown_second": second,
        }
        for item, (who, given) in enumerate((tries or TRIES).items())
        for sample, (first, second) in enumerate(given)
    ]
    return pl.DataFrame(rows)


def test_counts_by_hand():
    found = tries_of(made_items(), "persona")
    # Item 0 takes the first order for even samples: 0.9, 0.2 (second), 0.2, none; item 1 for odd ones.
    assert found.rows(named=True) == [
        {
            "item_id": 0,
            "persona_id": "a",
            "prompt_id": "q0",
            "n": 4,
            "judged": 2,
            "first": 1,
            "both": 1,
            "one": 1,
            "neither": 1,
        },
        {
            "item_id": 1,
            "persona_id": "b",
            "prompt_id": "q1",
            "n": 4,
            "judged": 0,
            "first": 0,
            "both": 0,
            "one": 1,
            "neither": 3,
        },
    ]
    # pass@2 of 2 in 4 is 1 - C(2,2)/C(4,2) = 5/6, the try that failed among the four; of 0 in 4 it is 0.
    assert judged(found, 2, FEW).value == pytest.approx(5 / 12)
    assert judged(found, 1, FEW).value == 0.25
    # Two of seven pairs of orders differ: 2 e (1 - e) = 2/7, so 1 - 2e = sqrt(3/7); 1 of 8 passes at first.
    error = (1 - (3 / 7) ** 0.5) / 2
    told = noisy(found, 1, FEW)
    assert told.flips.value == pytest.approx(2 / 7) and told.error.value == pytest.approx(error)
    assert told.corrected.value == pytest.approx(max(0, (1 / 8 - error) / (1 - 2 * error)))


def test_the_judges_error_is_taken_out():
    # 100 tries: 34 pass in the first order, 18 of 100 contradict: e = 0.1, (0.34 - 0.1) / 0.8 = 0.3.
    tries = pl.DataFrame(
        {
            "item_id": range(10),
            "persona_id": [f"p{n}" for n in range(10)],
            "prompt_id": [f"q{n}" for n in range(10)],
            "n": [10] * 10,
            "judged": [3] * 10,
            "first": [4, 4, 4, 4, 3, 3, 3, 3, 3, 3],
            "both": [2] * 8 + [3] * 2,
            "one": [2] * 8 + [1] * 2,
            "neither": [6] * 10,
        }
    )
    told = noisy(tries, 1, FEW)
    assert told.error.value == pytest.approx(0.1) and told.corrected.value == pytest.approx(0.3)
    assert told.judged.value == pytest.approx(0.34)
    assert told.corrected.low < 0.3 < told.corrected.high


def test_all_alike_is_not_certain():
    tries = pl.DataFrame(
        {
            "item_id": range(4),
            "persona_id": list("abcd"),
            "prompt_id": list("qrst"),
            "n": [2] * 4,
            "judged": [2] * 4,
            "first": [2] * 4,
            "both": [2] * 4,
            "one": [0] * 4,
            "neither": [0] * 4,
        }
    )
    # With four clusters all passing, less than 0.025^(1/4) is excluded.
    for found in (judged(tries, 2, FEW), noisy(tries, 2, FEW).corrected):
        assert found.value == 1.0 and found.low <= 0.025**0.25 + 1e-12 and found.high == 1.0
    assert judged(tries, 2, FEW).low == pytest.approx(0.025**0.25)
    # Nor is it certain that nobody's tries are as good: 1 - 0.025^(1/4) of the people may differ.
    less = gain(tries, tries, 2, FEW).estimate
    assert (less.value, less.low, less.high) == (0.0, pytest.approx(-0.602365), pytest.approx(0.602365))


def test_scores_by_hand():
    less = {"a": TRIES["b"], "b": TRIES["b"]}
    items = pl.concat([made_items(), made_items(arm="nobody", tries=less)])
    scores = PassAtK().score(items, FEW)
    found = {(score.measure, score.arm): score for score in scores}
    assert (scores[0].measure, scores[0].arm) == ("passes", "k=2")
    assert found["passes_judged", "k=2"].estimate.value == pytest.approx(5 / 12)
    assert found["passes_judged_nobody", "k=2"].estimate.value == 0.0
    # The gain is 5/6 and 0 over two people: no flip of two signs makes it smaller.
    assert found["above_nobody", "k=2"].estimate.value == pytest.approx(5 / 12)
    assert found["above_nobody", "k=1"].p_value == 1.0
    assert found["critic_unasked", "persona"].estimate.value == 0.125
    assert "if not alike, from" in found["passes", "k=2"].note
    both = tries_of(items, "persona"), tries_of(items, "nobody")
    assert gain(*both, 1, FEW).estimate.value == 0.25
    # Tries 0 and 1, and 2 and 3, say the same: two of six pairs of b; of the three answers of a, one of 3.
    alike = {each.name: each for each in PassAtK().audit(items, FEW)}["tries alike"].shortcut
    assert alike.value == pytest.approx((1 / 3 + 1 / 3) / 2)


def test_by_likelihood_the_judge_is_taken_at_its_word():
    same = {who: [(first, first) for first, _ in given] for who, given in TRIES.items()}
    items = made_items(way="likelihood", tries=same)
    found = {(score.measure, score.arm): score for score in PassAtK().score(items, FEW)}
    for k in ("k=1", "k=2"):
        assert found["passes", k].estimate == found["passes_judged", k].estimate
        assert "its error is not in the interval" in found["passes", k].note
    assert not found["judge_error", "persona"].estimate.defined
    assert not {each.name: each.passed for each in PassAtK().audit(items, FEW)}["judge's error"]


def test_a_judge_of_one_place_is_a_coin():
    made, models = planted_bench(
        planted_target(), planted_judge(cheat="first"), people=5, prompts=2, items=10
    )
    made = replace(made, temperature=0.7, options={"k": 2})
    found = PassAtK().score(play(PassAtK(), made, models), FEW)[0]
    assert not found.estimate.defined and "no better than a coin" in found.note


def test_unjudged_tries_are_failed_ones():
    silent = Scripted(choice=lambda request: (0.0, 0.0), model="silent@1/exact")
    made, models = planted_bench(planted_target(), silent, people=5, prompts=2, items=10)
    made = replace(made, temperature=0.7, options={"k": [1, 2], "nobody": False})
    items = play(PassAtK(), made, models)
    assert items["critic"].unique().to_list() == ["refused"]
    found = {(score.measure, score.arm): score.estimate for score in PassAtK().score(items, FEW)}
    assert found["passes_judged", "k=2"].value == 0.0 and found["passes_judged", "k=2"].high > 0
    assert not {each.name: each.passed for each in PassAtK().audit(items, FEW)}["unjudged"]


def test_a_run_goes_on_and_failures_count(tmp_path):
    def now_and_then(request: Any, _: int) -> Failure | None:
        if request.sample:
            return None
        return Failure(key=request.key, boundary="content filter", message="no", retryable=False)

    steady = planted_target(1.0)
    target = Scripted(text=steady._text, fail=now_and_then, model=steady.model)
    judge = planted_judge()
    made, models = planted_bench(target, judge, people=5, prompts=2, items=10)
    made = replace(made, temperature=0.7, options={"k": [1, 2], "nobody": False})
    first = run_task(PassAtK(), made, models, tmp_path, counting=FEW)
    asked = sum(target.asked.values()) + sum(judge.asked.values())
    before = (tmp_path / "result.json").read_bytes()
    run_task(PassAtK(), made, models, tmp_path, counting=FEW)
    assert sum(target.asked.values()) + sum(judge.asked.values()) == asked
    assert (tmp_path / "result.json").read_bytes() == before
    # Of two tries the first has no answer and the second always serves: 1/2 of single tries, 1 of two.
    told = {(s.measure, s.arm): s.estimate for s in TaskResult.load(tmp_path / "result.json").scores}
    assert first.failed == {"content filter": 10}
    assert told["passes_judged", "k=1"].value == 0.5 and told["passes_judged", "k=2"].value == 1.0
    assert told["critic_unasked", "persona"].value == 0.5


def test_nobody_answers(tmp_path):
    broken = Scripted(
        text=lambda request: Failure(key=request.key, boundary="server", message="no", retryable=False)
    )
    made, models = planted_bench(broken, planted_judge(), people=4, prompts=2, items=4)
    found = run_task(PassAtK(), replace(made, temperature=1.0, options={"k": 2}), models, tmp_path)
    told = {(s.measure, s.arm): s.estimate for s in found.scores}
    assert told["passes_judged", "k=2"].value == 0.0 and not found.passed
    assert not told["judge_error", "persona"].defined
