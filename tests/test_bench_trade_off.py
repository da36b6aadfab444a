"""The tasks of several objectives: rules by hand, arms, groups, steering, and what they refuse."""

from __future__ import annotations

from dataclasses import replace

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
