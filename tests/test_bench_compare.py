"""Comparing runs: paired on what they share, ties said, and refused where scores do not mean the same."""

from __future__ import annotations

import shutil
from dataclasses import replace

import msgspec
import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from populace import stats
from populace.bench import Counting, TaskResult, open_task, run_task
from populace.bench.compare import Board, compare, read_runs
from populace.bench.dyadic_ranks import rank_couples
from populace.bench.dyads import dyadic_mean
from populace.bench.planted import planted_bench, planted_judge, planted_target
from populace.bench.planted_words import planted_guesser, planted_speaker
from populace.cli import app
from populace.errors import DataError, StudyError
from populace.report.leaderboard import leaderboard_page
from populace.stats.crossed import crossed_test

FAST = Counting(draws=200)


def run(folder, skill=0.8, *, seed=0, **changes):
    # Lengths of their own: two answers of equal text would be judged as one.
    target = planted_target(skill, seed=seed, words=lambda luck: int(40 * luck))
    bench, models = planted_bench(target, planted_judge(), people=40, prompts=20, items=120)
    return run_task(open_task("intersectionality"), replace(bench, **changes), models, folder, counting=FAST)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two targets of skill 0.8 and one of 0.4."""
    place = tmp_path_factory.mktemp("runs")
    for name, skill, seed in [("good", 0.8, 1), ("like", 0.8, 2), ("poor", 0.4, 3)]:
        run(place / name, skill, seed=seed)
    return place


def test_ranks_ties_and_differences(runs):
    board = compare(read_runs([runs / "poor", runs / "good", runs / "like"]), counting=FAST)
    assert [len(group) for group in board.ranking.groups] == [2, 1]
    assert board.ranking.models[-1].name.startswith("planted-target-0.4")
    assert board.ranking.models[-1].rank.low == 3 and board.ranking.models[0].rank.high == 2
    assert {found.items for found in board.shared} == {120} and not board.differences
    # The difference is that of a paired test of the two tables.
    pair = board.ranking.pairs[0]
    values = {
        found.name: found.values.sort("persona_id", "prompt_id")
        for found in read_runs([runs / "good", runs / "like"])
    }
    a, b = values[pair.a], values[pair.b]
    test = crossed_test(a["value"], b["value"], a["persona_id"], a["prompt_id"])
    assert pair.difference == test.estimate and pair.p_value == test.p_value


def test_the_order_of_runs_changes_no_finding(runs):
    one = compare(read_runs([runs / "good", runs / "poor"]), counting=FAST)
    other = compare(read_runs([runs / "poor", runs / "good"]), counting=FAST)
    assert one.ranking == other.ranking and one.shared == other.shared


def test_only_shared_items_count(runs, tmp_path):
    run(tmp_path / "fewer", 0.5, seed=4, items=70, temperature=0.5)
    board = compare(read_runs([runs / "good", tmp_path / "fewer"]), counting=FAST)
    (shared,) = board.shared
    assert (shared.items, shared.only_a + shared.only_b) == (70, 50)
    assert board.ranking.pairs[0].difference.n == 70
    assert [found.setting for found in board.differences] == ["items", "temperature"]
    assert any("50 that only one has are left out of their test" in warning for warning in board.warnings)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"judge": "another"}, r"they differ in judge \(.*: another, .*: planted-judge"),
        ({"templates": "f00df00df00d"}, r"differ in words of the questions \(.*: f00df00d, "),
        ({"task_version": 9}, "differ in version of the task"),
        ({"way": "likelihood"}, "differ in way of judging"),
        ({"settings": {"template": "release"}}, "differ in description of people"),
        ({"settings": {"options": {"groups": ["sex"]}}}, "differ in options"),
        ({"settings": {"tie_margin": 0.2}}, r"differ in tie margin \(.*: 0.2, .*: 0.01\)"),
        ({"settings": {"also": {"judge 2": "x"}}}, "differ in further judges"),
        ({"settings": {"files": {"pairs": "0123"}}}, "differ in files of answers"),
    ],
)
def test_scores_that_do_not_mean_the_same(runs, changes, says):
    other, one = read_runs([runs / "poor", runs / "good"])
    changed = changes | {"settings": other.result.settings | changes.get("settings", {})}
    result = msgspec.structs.replace(other.result, **changed)
    with pytest.raises(StudyError, match=f"scores of these runs do not mean the same: .*{says}"):
        compare([one, msgspec.structs.replace(other, result=result)])


def test_a_file_counts_by_what_is_in_it_and_not_by_its_name(runs):
    made = []
    for each, name in zip(read_runs([runs / "good", runs / "poor"]), ("here.csv", "there.csv"), strict=True):
        settings = each.result.settings | {"options": {"gold": name}, "files": {"gold": "0123"}}
        made.append(
            msgspec.structs.replace(each, result=msgspec.structs.replace(each.result, settings=settings))
        )
    assert compare(made, counting=FAST).shared[0].items == 120


def test_nothing_shared(runs, tmp_path):
    one, other = read_runs([runs / "good", runs / "poor"])
    strange = other.values.with_columns(pl.format("x{}", "persona_id").alias("persona_id"))
    with pytest.raises(StudyError, match="share no item: 120 and 120 are their own"):
        compare([one, msgspec.structs.replace(other, values=strange)])
    with pytest.raises(StudyError, match=r"not all of these runs have an arm 'baseline'. .* use output_only"):
        compare([one, other], arm="baseline")
    for folders, says in [([runs / "good"], "needs two runs"), ([runs / "good"] * 2, "named twice")]:
        with pytest.raises(StudyError, match=says):
            read_runs(folders)
    with pytest.raises(DataError, match="there is no such result"):
        read_runs([runs / "good", tmp_path])


def test_items_about_two_people_are_compared_as_such(tmp_path):
    for name, skill, seed in [("good", 0.9, 1), ("like", 0.9, 2), ("poor", 0.2, 3)]:
        bench, models = planted_bench(planted_speaker(skill, seed=seed), planted_guesser(), items=90)
        run_task(open_task("comparison"), bench, models, tmp_path / name, counting=FAST)
    found = read_runs([tmp_path / name for name in ("poor", "good", "like")])
    board = compare(found, counting=FAST)
    assert [len(group) for group in board.ranking.groups] == [2, 1]
    assert board.ranking.models[-1].name.startswith("planted-speaker-0.2")
    assert (board.ranking.models[-1].rank.low, board.ranking.models[0].rank.high) == (3, 2)
    # The scores are the tasks' own, and the difference is that over the same rows, with the same interval.
    for model in board.ranking.models:
        result = next(each.result for each in found if each.name == model.name)
        assert model.score == result.headline.estimate
    pair = board.ranking.pairs[-1]
    a, b = (next(each for each in found if each.name == name).values for name in (pair.a, pair.b))
    both = a.join(b, on=["persona_id", "other_id", "prompt_id", "arm"], suffix="_b")
    expected = dyadic_mean(both["value"] - both["value_b"], both["persona_id"], both["other_id"])
    assert pair.difference.value == pytest.approx(expected.value)
    assert pair.difference.low == pytest.approx(expected.low)
    # Two-sided: an interval of the p-value's level ends at zero.
    at = dyadic_mean(
        both["value"] - both["value_b"], both["persona_id"], both["other_id"], level=1 - pair.p_value
    )
    assert at.low == pytest.approx(0, abs=1e-6) and pair.p_holm >= pair.p_value


def test_pairs_of_people_claim_no_more_than_they_may():
    """Two models alike but for people's tastes: few false claims, many if first persons were clusters."""
    rng, claims, naive = np.random.default_rng(7), 0, 0
    first, second = np.triu_indices(30, 1)
    for _ in range(200):
        taste = rng.normal(0, 0.2, 30)
        scores = 0.1 * rng.normal(size=(len(first), 2))
        scores[:, 0] += taste[first] + taste[second]
        found = rank_couples(scores, pl.Series(first), pl.Series(second), names=["a", "b"])
        claims += len(found.groups) > 1
        naive += stats.paired_test(scores[:, 0], scores[:, 1], first, flips=199, draws=10).p_value <= 0.05
    assert claims <= 24 and naive > 40


def test_where_no_pair_differs_nothing_is_sure():
    one, other = pl.Series(["a", "b", "d"]), pl.Series(["b", "c", "e"])
    alike = rank_couples(np.ones((3, 2)), one, other, names=["x", "y"])
    # a-b and d-e share nobody: two trials.
    bound = 1 - 0.025**0.5
    difference = alike.pairs[0].difference
    assert (difference.low, difference.high) == (pytest.approx(-bound), pytest.approx(bound))
    assert alike.pairs[0].p_value == 1 and alike.groups == (("x", "y"),)
    better = rank_couples(np.array([[1.0, 0.0]] * 3), one, other, names=["x", "y"])
    # Of two trials both for x: one half, two-sided.
    assert better.pairs[0].p_value == 0.5 and len(better.groups) == 1


def test_where_lower_is_better(runs):
    found = [
        msgspec.structs.replace(each, result=msgspec.structs.replace(each.result, higher_is_better=False))
        for each in read_runs([runs / "good", runs / "poor"])
    ]
    board = compare(found, counting=FAST)
    first, second = board.ranking.models
    assert first.name.startswith("planted-target-0.4") and first.score.value < second.score.value
    assert 0 <= first.score.low <= first.score.value <= first.score.high
    difference = board.ranking.pairs[0].difference
    assert difference.value == pytest.approx(first.score.value - second.score.value)
    assert difference.low <= difference.value <= difference.high < 0


def test_one_model_twice_is_named_by_its_folder(runs, tmp_path):
    shutil.copytree(runs / "good", tmp_path / "again")
    names = [found.name for found in read_runs([runs / "good", tmp_path / "again"])]
    assert len(set(names)) == 2 and names[1].endswith(f"({tmp_path / 'again'})")


def test_the_page(runs, tmp_path):
    board = compare(read_runs([runs / "good", runs / "poor", runs / "like"]), counting=FAST)
    strange = msgspec.structs.replace(board, warnings=("<script>alert(1)</script>",))
    text = leaderboard_page(strange, tmp_path / "a.html").read_text()
    assert "<script>" not in text and "&lt;script&gt;" in text
    assert "has the best score, and another model cannot be told from it." in text
    assert text.count("<tr>") == 2 + 3 + 3 and "built-in" not in text
    assert leaderboard_page(strange, tmp_path / "b.html").read_bytes() == text.encode()
    board.save(tmp_path / "board.json")
    assert msgspec.json.decode((tmp_path / "board.json").read_bytes(), type=Board) == board


def test_the_commands(runs, tmp_path):
    folders = [str(runs / name) for name in ("good", "poor")]
    told = CliRunner().invoke(app, ["bench", "compare", *folders])
    assert told.exit_code == 0, told.exception
    assert " 1 (1) " in told.output and "judge: planted-judge-0.0-0@1/exact" in told.output
    assert max(map(len, told.output.splitlines())) <= 100
    page = tmp_path / "board.html"
    assert CliRunner().invoke(app, ["bench", "leaderboard", *folders, "--out", str(page)]).exit_code == 0
    assert page.read_text().startswith("<!doctype html>")


def test_scoring_again_gives_the_same_bytes(tmp_path):
    base = ["bench", "run", "intersectionality", "--model", "scripted", "--judge", "same", "--items", "12"]
    base += ["--people", "6", "--group", "women: sex == 'Female'", "--group", "sex", "--out", str(tmp_path)]
    done = CliRunner().invoke(app, base)
    assert done.exit_code == 0, done.exception
    before = (tmp_path / "result.json").read_bytes()
    again = CliRunner().invoke(app, ["bench", "score", str(tmp_path)])
    assert again.exit_code == 0 and (tmp_path / "result.json").read_bytes() == before
    assert "† few people" in again.output and max(map(len, again.output.splitlines())) <= 110
    assert TaskResult.load(tmp_path / "result.json").settings["options"] == {
        "groups": ["women: sex == 'Female'", "sex"]
    }
    second = CliRunner().invoke(app, [*base, "--also-judge", "scripted"])
    assert "intersectionality has one judge" in str(second.exception)
    wrong = CliRunner().invoke(app, [*base, "--option", "groups"])
    assert "'groups' is not NAME=VALUE" in str(wrong.exception)
