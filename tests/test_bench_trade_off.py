"""The tasks of several objectives: rules by hand, arms, groups, steering, and what they refuse."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from populace.bench import Bench, Counting, open_task, play
from populace.bench.objectives.measured import measured
from populace.bench.objectives.planting import planted_steered
from populace.bench.objectives.rules import RULES, scored_by
from populace.bench.objectives.steering import functions_of
from populace.bench.planted import planted_bench, planted_judge, planted_target
from populace.bench.runner import summed
from populace.errors import DataError, StudyError
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


def table_of(folder, rows, names=("model", "question", "objective", "score")):
    path = folder / "scores.csv"
    pl.DataFrame(rows, schema=list(names), orient="row").write_csv(path)
    return path


def scored_table(name, path, **options):
    bench = Bench(personas=people(0), prompts=people(0), target="", judge="")
    bench = replace(bench, options={"scores": str(path), **options})
    task = open_task(name)
    items = play(task, bench, {})
    return summed(task, bench, items, FEW, {}), items


def people(count):
    return pl.DataFrame({"persona_id": [f"p{n}" for n in range(count)]}, schema={"persona_id": pl.String})


ENDS = {"short": (0.9, 0.1), "long": (0.1, 0.9), "worst": (0.1, 0.1)}


def test_a_table_in_the_place_of_a_model(tmp_path):
    rows = [
        (model, f"q{q}", aim, value)
        for model, both in ENDS.items()
        for q in range(20)
        for aim, value in zip(("brief", "rich"), both, strict=True)
    ]
    result, items = scored_table("multi-objective", table_of(tmp_path, rows))
    assert items.height == 60 and result.target == "" and result.judge is None
    found = scores_of(result)
    # By hand: two boxes of 0.09 that share one of 0.01; by lot, a third of each: (1.1 / 3) squared.
    assert found["hypervolume", ""].value == pytest.approx(0.17)
    assert found["hypervolume", "short"].value == pytest.approx(0.09)
    assert found["hypervolume", "by lot"].value == pytest.approx((1.1 / 3) ** 2)
    assert found["brief", "short"].value == pytest.approx(0.9) and found["served", "worst"].value == 0
    assert {each.name: each.passed for each in result.findings} == {
        "arms alike": True,
        "missing scores": True,
    }
    assert set(figures_of({"one": (result, items)})) == {"front"}
    assert open_task("multi-objective").values(items)["value"].to_list()[:20] == [0.5] * 20
    # One model by three names: the arms are alike, and no two questions are.
    rows = [
        (model, f"q{q}", aim, 0.5 + 0.01 * ((q * 7 + at * 5 + 3 * len(model)) % 13))
        for model in ("a", "bb", "ccc")
        for q in range(26)
        for at, aim in enumerate(("brief", "rich"))
    ]
    alike = scored_table("multi-objective", table_of(tmp_path, rows))[0]
    assert [each.name for each in alike.findings if not each.passed] == ["arms alike"]


def test_who_leaves_the_hard_questions_out_gains_nothing(tmp_path):
    rows = [(m, f"q{q}", aim, q / 10) for m in ("all", "easy") for q in range(10) for aim in ("x", "y")]
    rows = [(m, q, aim, None if m == "easy" and q < "q5" else value) for m, q, aim, value in rows]
    result, items = scored_table("multi-objective", table_of(tmp_path, rows))
    found = scores_of(result)
    assert items.height == 20 and found["x", "all"].value == found["x", "easy"].value == pytest.approx(0.7)
    assert "missing scores" in {each.name for each in result.findings if not each.passed}
    # Nobody has everything: nothing is scored, and nothing passed.
    rows = [(m, q, aim, None if m == "easy" else value) for m, q, aim, value in rows]
    nothing = scored_table("multi-objective", table_of(tmp_path, rows))[0]
    assert not nothing.headline.estimate.defined and not nothing.passed


def test_a_table_of_steered_models(tmp_path):
    names = ("model", "question", "objective", "score", "weight")
    rows = [
        (f"at {weight}", f"q{q}", aim, 100 * own**0.5, weight if aim == "x" else 100 - weight)
        for weight in (100, 0, 50)
        for q in range(8)
        for aim, own in (("x", weight / 100), ("y", 1 - weight / 100))
    ]
    rows += [("bare", f"q{q}", aim, 50.0, None) for q in range(8) for aim in ("x", "y")]
    path = table_of(tmp_path, rows, names)
    result, items = scored_table("trade-off", path, low="0,0", high="100,100")
    found = scores_of(result)
    # By hand: 1 at both ends, and the root of one half between them.
    assert found["value", ""].value == pytest.approx((2 + 0.5**0.5) / 3)
    assert found["value", "bare"].value == pytest.approx(0.5) and found["x_tau", ""].value == 1
    assert found["x_unasked", "at 0"].value == pytest.approx(-0.5)
    assert result.passed and set(figures_of({"one": (result, items)})) == {"front", "weights"}
    assert open_task("trade-off").values(items).height == 24
    # The same by the aim that falls short most: -1/2 (1 - 0.707) in the middle.
    other = scores_of(scored_table("trade-off", path, low="0,0", high="100,100", functions="chebyshev")[0])
    assert other["value", "at 50"].value == pytest.approx(-0.5 * (1 - 0.5**0.5))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "not between 0 and 1"),
        ({"low": "0,0"}, "two ends"),
        ({"low": "0,0", "high": "10"}, "1 numbers"),
        ({"low": "0,0", "high": "10,x"}, "no list of numbers"),
        ({"low": "0,0", "high": "10,10", "objectives": "brief"}, "one objective"),
        ({"low": "0,0", "high": "10,10", "base": "nobody"}, "no model 'nobody'"),
        ({"low": "0,0", "high": "10,10", "arms": "plain"}, "no setting 'arms'"),
    ],
)
def test_what_a_table_refuses(options, said, tmp_path):
    rows = [(model, "q", aim, 5.0) for model in ("a", "b") for aim in ("brief", "rich")]
    path = table_of(tmp_path, rows)
    with pytest.raises((StudyError, DataError), match=said):
        scored_table("multi-objective", path, **options)
    with pytest.raises(DataError, match="no column `weight`"):
        scored_table("trade-off", path, low="0,0", high="10,10")
    pl.read_csv(path).drop("question").unique().write_csv(path)
    with pytest.raises(DataError, match="not by question"):
        scored_table("multi-objective", path, low="0,0", high="10,10")


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
    asks = open_task("trade-off").play(bench)
    ask = next(asks)
    while ask.to == "target":
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
