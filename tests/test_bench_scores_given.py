"""Tables of scores in the place of a model and a judge: by hand, gaps, scales, weights, what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from populace.bench import Bench, Counting, open_task, play
from populace.bench.runner import summed
from populace.errors import DataError, StudyError
from populace.report.figures import figures_of

FEW = Counting(draws=60)


def task_of(name) -> Any:
    return open_task(name)


def scores_of(result):
    return {(score.measure, score.arm): score.estimate for score in result.scores}


def table_of(folder, rows, names=("model", "question", "objective", "score")):
    path = folder / "scores.csv"
    pl.DataFrame(rows, schema=list(names), orient="row").write_csv(path)
    return path


def scored_table(name, path, **options):
    bench = Bench(personas=people(0), prompts=people(0), target="", judge="")
    bench = replace(bench, options={"scores": str(path), **options})
    task = task_of(name)
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
    assert task_of("multi-objective").values(items)["value"].to_list()[:20] == [0.5] * 20
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
    assert task_of("trade-off").values(items).height == 24
    # The same by the aim that falls short most: -1/2 (1 - 0.707) in the middle.
    other = scores_of(scored_table("trade-off", path, low="0,0", high="100,100", functions="chebyshev")[0])
    assert other["value", "at 50"].value == pytest.approx(-0.5 * (1 - 0.5**0.5))


def test_ties_and_fronts_too_large_for_shares_of_weights(tmp_path):
    # The same scores in another order tie, to the last digit of their means: both are on the front.
    rows = [
        (model, f"q{q}", aim, value)
        for model, both in (("a", (0.1, 0.2, 0.3)), ("b", (0.3, 0.2, 0.1)))
        for q, brief in enumerate(both)
        for aim, value in (("brief", brief), ("rich", 0.5))
    ]
    result, _ = scored_table("multi-objective", table_of(tmp_path, rows))
    notes = {(score.measure, score.arm): score.note for score in result.scores}
    assert notes["on_front", "a"] == notes["on_front", "b"] == "on the front of the means"
    assert scores_of(result)["served", "a"].value == scores_of(result)["served", "b"].value == 1.0
    # Eight arms of eight objectives, each the best at one: shares are left out, with a word.
    rows = [
        (f"m{model}", f"q{q}", f"o{aim}", 0.9 if aim == model else 0.1)
        for model in range(8)
        for q in range(3)
        for aim in range(8)
    ]
    result, _ = scored_table("multi-objective", table_of(tmp_path, rows))
    served = [score for score in result.scores if score.measure == "served"]
    assert len(served) == 8 and not any(score.estimate.defined for score in served)
    assert all("left out" in score.note for score in served)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "not between 0 and 1"),
        ({"low": "0,0"}, "two ends"),
        ({"low": "0,0", "high": "10"}, "1 numbers"),
        ({"low": "0,0", "high": "10,x"}, "no list of numbers"),
        ({"low": "0,0", "high": "10,10", "objectives": "brief"}, "one objective"),
        ({"low": "0,0", "high": "10,10", "objectives": "brief,brief"}, "comes twice in brief, brief"),
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
