"""The tasks of several objectives: rules by hand, arms, groups, steering, and what they refuse."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from populace.bench import Counting, open_task, play
from populace.bench.objectives.measured import measured
from populace.bench.objectives.planting import planted_steered
from populace.bench.objectives.rules import RULES, scored_by
from populace.bench.objectives.steering import functions_of
from populace.bench.planted import planted_bench, planted_judge, planted_target
from populace.bench.runner import summed
from populace.errors import StudyError
from populace.models.records import Completion
from populace.models.scripted import Scripted
from populace.report.figures import figures_of

FEW = Counting(draws=60)


def test_rules_by_hand():
    brevity, detail, plainness, caution, courtesy = RULES.values()
    assert scored_by(brevity, "one " * 200) == 0.25
    # Thirty distinct words of content; common words and repeats are none.
    content = " ".join(f"thing{n}" for n in range(30))
    assert scored_by(detail, f"{content} {content} and the of") == 0.75
    # 1 sentence, 2 words, 8 syllables: 206.8 - 2.0 - 84.6 x 4 is below 0.
    assert scored_by(plainness, "Organization notwithstanding.") == 0.0
    assert scored_by(plainness, "I am.") == 1.0
    assert scored_by(caution, "It may rain. It is wet. Perhaps not!") == pytest.approx(2 / 3)
    assert scored_by(courtesy, "Thank you, I hope this helps.") == 0.75
    for rule in RULES.values():
        assert scored_by(rule, None) == scored_by(rule, "") == scored_by(rule, " ... ") == 0.0
        for text in ("a", "1", "ü", "word. " * 5000, "e", "?! ?! yes"):
            assert 0 <= scored_by(rule, text) <= 1


def played(name, target, judge=None, **options):
    bench, models = planted_bench(target, judge or planted_judge(), people=12, prompts=12, items=12)
    task, bench = open_task(name), replace(bench, options=options)
    items = play(task, bench, models)
    return summed(task, bench, items, FEW, {}), items


def scores_of(result):
    return {(score.measure, score.arm): score.estimate for score in result.scores}


def test_a_group_is_an_objective():
    groups = ["young: age < 50", "left: ideology == 'Liberal'"]
    result, items = played(
        "multi-objective", planted_target(0.9), groups=groups, arms="plain,told", objectives="brevity"
    )
    found = scores_of(result)
    assert {"suits: young", "suits: left", "brevity"} <= {measure for measure, _ in found}
    inside = items.filter(pl.col("arm") == "told", pl.col("in:young"))
    assert found["suits: young", "told"].n == inside.height
    assert (
        items.filter(~pl.col("in:young"))["suits: young"].null_count()
        == items.filter(~pl.col("in:young")).height
    )
    assert result.headline.estimate.defined and ("least_lead", "told") in found
    # Shares of weights have the sum 1; what is alone on the front is there in every resample.
    served = [found["served", arm].value for arm in ("plain", "told")]
    assert sum(served) == pytest.approx(1)
    assert set(figures_of({"one": (result, items)})) == {"front"}


def test_three_objectives_and_other_families():
    result, items = played(
        "trade-off",
        planted_steered(),
        objectives="brevity,detail,plainness",
        functions=["linear", "chebyshev", "geometric"],
        divisions=2,
    )
    assert items["arm"].n_unique() == 1 + 3 * 6 and items.height == 12 * 19
    found = scores_of(result)
    assert found["brevity_tau", ""].value > 0 and found["ahead", "shuffled weights"].value > 0
    # Aims of no weight were not asked for: two for each single aim, one for each pair.
    assert sum(measure.endswith("_unasked") for measure, _ in found) == 3 * 9
    assert set(figures_of({"one": (result, items)})) == {"front", "weights"}
    again = open_task("trade-off").score(items, FEW)
    assert repr(again) == repr(result.scores)


def test_the_target_is_told_its_weights():
    bench, _ = planted_bench(planted_steered(), planted_judge(), people=3, prompts=3, items=2)
    asks = open_task("trade-off").play(bench)
    first = next(asks)
    assert first.stage == "answers, plain" and len(first.requests) == 2
    second = asks.send([None, None])
    request = second.requests[0]
    assert request is not None and second.stage == "answers, linear 0/100"
    told = request.messages[0].content
    assert "- be brief: 0 %\n- give many specifics: 100 %" in told and "weighted sum" in told


def test_a_resample_keeps_questions_whole():
    rows = pl.DataFrame(
        {
            "prompt_id": ["q", "q", "r", "r"],
            "arm": ["a", "b"] * 2,
            "x": [0.0, 1.0, 1.0, None],
            "y": [0.5, 0.5, 1.0, 1.0],
        }
    )
    found = measured(rows, ["x", "y"], Counting(draws=200))
    assert found.whole.tolist() == [[0.5, 0.75], [1.0, 0.75]] and found.scored
    # Resamples of r alone have no x of b, and are left out.
    assert 100 < len(found.resampled) < 200
    assert set(map(tuple, found.resampled[:, 0].tolist())) == {(0.0, 0.5), (0.5, 0.75)}


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("multi-objective", {"objectives": "wit"}, "no objective 'wit'"),
        ("multi-objective", {"objectives": "none"}, "one objective has no front"),
        ("multi-objective", {"arms": "plain"}, "at least two"),
        ("multi-objective", {"arms": "plain,loud"}, "no arm 'loud'"),
        ("multi-objective", {"groups": "sex,ideology"}, "is a crossing"),
        ("multi-objective", {"divisions": 3}, "no setting 'divisions'"),
        ("trade-off", {"objectives": "brevity"}, "at least 2"),
        ("trade-off", {"objectives": "brevity,brevity"}, "comes twice"),
        ("trade-off", {"functions": "cubic"}, "no family 'cubic'"),
        ("trade-off", {"divisions": "1"}, "from 2 up"),
    ],
)
def test_what_the_tasks_refuse(name, options, said):
    bench, _ = planted_bench(planted_target(), planted_judge(), people=3, prompts=3, items=3)
    with pytest.raises(StudyError, match=said):
        next(open_task(name).play(replace(bench, options=options)))


def test_families_of_functions_have_their_names():
    found = functions_of("linear,geometric", 2, 2)
    assert list(found) == [
        *(f"linear {each}" for each in ("0/100", "50/50", "100/0")),
        *(f"p-mean 0 {each}" for each in ("0/100", "50/50", "100/0")),
    ]


def judged_by(serves, judge=None, **options):
    """Steered by letters: who is told that the young count writes what the judge is to choose."""

    def text(request):
        told = request.messages[0].content
        return serves if "young: 100 %" in told else "Something else altogether, at some length."

    target = Scripted(text=text, model="planted-letters@1/exact")
    options = {"objectives": "brevity", "groups": "young: age < 90", "divisions": 2, **options}
    return played("trade-off", target, judge, **options)


def test_a_judge_says_which_answer_suits_a_group():
    def choice(request):
        first = request.messages[1].content.split("Answer 1: ")[1].startswith("Serves")
        second = request.messages[1].content.split("Answer 2: ")[1].startswith("Serves")
        return (0.9, 0.1) if first > second else (0.1, 0.9) if second > first else (0.5, 0.5)

    judge = Scripted(choice=choice, model="planted-chooser@1/exact")
    result, items = judged_by("Serves the young.", judge)
    found = scores_of(result)
    meta = open_task("trade-off").meta
    groups = {"groups": ["young: age < 90"]}
    assert meta.asks_judge(groups) and meta.has_people(groups)
    assert not meta.asks_judge({}) and not meta.has_people({})
    assert meta.asks_judge({"judged": "warmth: be warm"}) and not meta.has_people(
        {"judged": "warmth: be warm"}
    )
    # One half is the plain answer's, and of who writes the same; the steered one is always chosen.
    assert found["young", "plain"].value == found["young", "linear 100/0"].value == 0.5
    assert found["young", "linear 0/100"].value == 1.0
    steered = items.filter(pl.col("arm") != "plain")
    assert steered["who judges: young"].n_unique() > 3
    # The same person judges all ways to answer a question.
    assert (
        steered.group_by("prompt_id").agg(pl.col("who judges: young").n_unique())["who judges: young"] == 1
    ).all()
    assert {"length rule, young", "position rule, young", "unjudged, young", "nobody, young"} <= {
        each.name for each in result.findings
    }
    assert set(figures_of({"one": (result, items)})) == {"front", "weights"}


def test_an_aim_in_words_is_judged_in_both_orders():
    # Who chooses what is shown first has no preference.
    judge = Scripted(choice=lambda request: (0.9, 0.1), model="planted-first@1/exact")
    result, items = judged_by("Serves.", judge, groups=None, judged="warmth: be warm")
    assert (items["objective: warmth"] == 0.5).all()
    assert "position rule, warmth" in {each.name for each in result.findings if not each.passed}
    bench, _ = planted_bench(planted_steered(), judge, people=3, prompts=3, items=2)
    bench = replace(bench, options={"judged": ["warmth: be warm"], "divisions": 2})
    asks: Any = open_task("trade-off").play(bench)
    ask = next(asks)
    while ask.to == "target":
        assert all(each is not None for each in ask.requests)
        assert ask.stage == "answers, plain" or "- be warm: " in ask.requests[0].messages[0].content
        ask = asks.send([Completion(key=each.key, text="a b", finish="stop") for each in ask.requests])
    assert (
        ask.stage == "verdicts, warmth"
        and "better on this aim: be warm?" in ask.requests[0].messages[1].content
    )


def test_a_mute_judge_leaves_nothing_and_nothing_passes():
    judge = Scripted(choice=lambda request: (1e-9, 1e-9), model="planted-mute@1/exact")
    result, items = judged_by("Serves.", judge)
    assert not result.headline.estimate.defined and not result.passed
    assert items.filter(pl.col("arm") != "plain")["objective: young"].null_count() == 36
    # A target that says nothing where it is steered has 0, whatever the judge says.
    result = judged_by("", planted_judge())[0]
    assert scores_of(result)["young", "linear 0/100"].value == 0.0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"judged": "be warm"}, "is not NAME: AIM"),
        ({"judged": "brevity: be brief"}, "two objectives 'brevity'"),
        ({"groups": "old: age > 200"}, "nobody is in the group 'old'"),
        ({"groups": "sex,ideology"}, "is a crossing"),
        ({"objectives": "none", "judged": "warmth: be warm"}, "1 objectives are too few"),
    ],
)
def test_what_judged_objectives_refuse(options, said):
    bench, _ = planted_bench(planted_target(), planted_judge(), people=3, prompts=3, items=3)
    with pytest.raises(StudyError, match=said):
        next(open_task("trade-off").play(replace(bench, options=options)))
