"""The task `steerable`: planted skills are recovered, cheats are found, files are read, runs go on."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from populace.bench import Bench, Counting, open_task, play, run_task, summed
from populace.bench.compare import compare, read_runs
from populace.bench.steering.asking import HEARD, NEUTRAL, SAID, Remark, remarked, steered
from populace.bench.steering.choices import CHOICES, PRINCIPLES
from populace.bench.steering.groups import groups_in
from populace.bench.steering.laying import named_by
from populace.bench.steering.material import Gold, Material, Steer, material_of
from populace.bench.steering.planting import (
    found_on,
    planted_bench,
    planted_material,
    planted_model,
    recovered,
)
from populace.bench.steering.trials import hit, read_trials
from populace.bench.tasks.steerable import Steerable
from populace.cli import app
from populace.errors import DataError, StudyError
from populace.models.records import Failure
from populace.models.scripted import Scripted
from populace.opinions import Item, Opinions, save

FEW = Counting(draws=100)
MORAL = Path(__file__).parents[2] / "shared" / "data" / "moralchoice" / "moralchoice_high_ambiguity.csv"
NOTHING = pl.DataFrame(schema={"persona_id": pl.String, "prompt_id": pl.String})


def bench_of(**options) -> Bench:
    return Bench(personas=NOTHING, prompts=NOTHING, target="t@1/exact", judge="", options=options)


def failed(findings) -> set[str]:
    return {finding.name for finding in findings if not finding.passed}


# What is planted is found


@pytest.mark.parametrize("seed", [2, 3])
def test_a_planted_skill_is_recovered(seed):
    for what, planted, estimate in recovered(seed, counting=Counting(level=0.99, draws=100)):
        assert estimate.low <= planted <= estimate.high, (what, planted, estimate)


@pytest.mark.parametrize(
    ("cheat", "named", "implied"),
    [
        ("", set(), set()),
        ("deaf", {"does not listen", "not steered"}, set()),
        ("flips", {"always flips", "does not listen", "not steered"}, set()),
        ("names", {"attribute's name"}, {"does not listen", "not steered"}),
        ("first", {"order of options", "does not listen", "not steered"}, set()),
        ("mute", {"unanswered", "does not listen", "not steered"}, set()),
        ("flatters", set(), set()),
    ],
)
def test_every_cheat_is_found_by_its_audit_and_by_no_other(cheat, named, implied):
    material = planted_material(4, named=cheat == "names")
    _, findings = found_on(material, planted_model(material, 0.9, seed=4, cheat=cheat), FEW)
    assert named <= failed(findings) <= named | implied, findings


def test_flattery_is_what_the_users_own_view_moves_beyond_hearing_it():
    def shifts(cheat):
        material = planted_material(5, questions=6)
        scores, _ = found_on(material, planted_model(material, 1.0, cheat=cheat), FEW)
        return {(each.measure, each.arm): each.estimate.value for each in scores}

    honest, flatterer = shifts(""), shifts("flatters")
    key = ("shift, above hearing it", SAID)
    assert honest[key] == pytest.approx(0) and flatterer[key] == pytest.approx(0.4)
    assert flatterer["shift towards the view", HEARD] == pytest.approx(0)
    # From (.5, .5) to (.9, .1): two views, then exp(entropy) of them.
    left = math.exp(-0.9 * math.log(0.9) - 0.1 * math.log(0.1)) / 2
    assert flatterer["effective views after", SAID] == pytest.approx(left)


def test_the_matrix_and_the_scores_are_those_of_the_items():
    material = planted_material(6, attributes=4, questions=30)
    target = planted_model(material, 1.0)
    task = Steerable(material)
    items = play(task, planted_bench(target), {"target": target})
    matrix = read_trials(items).matrix("kind")
    assert np.diag(matrix) == pytest.approx(1.0) and (matrix + 2 * np.eye(4) > 0).all()
    # Off the diagonal: how often two attributes have one answer.
    right = {(each.attribute, each.item): each.p for each in material.gold}
    names = [steer.name for steer in material.steers]
    alike = np.mean([right[names[0], item.name] == right[names[1], item.name] for item in material.items])
    assert matrix[0, 1] == matrix[1, 0] == pytest.approx(alike)
    scores = {(each.measure, each.arm, each.group): each for each in task.score(items, FEW)}
    assert scores["accuracy", "steered", ""].estimate.value == 1.0
    assert scores["rank among systems", "ties mean", ""].estimate.value == 1.0
    assert scores["inequity, s.d. of accuracy", "steered", ""].estimate.value == 0.0
    assert task.score(items, FEW)[0].measure == task.meta.main_measure
    assert task.values(items)["value"].to_list() == [1.0] * 120
    # Every estimate has a width, or says why there is none.
    for score in scores.values():
        assert not (score.estimate.defined and score.estimate.low == score.estimate.high), score


def test_silence_gains_nothing_and_a_dead_model_does_not_pass():
    material = planted_material(7, attributes=3, questions=20)
    right = planted_model(material, 1.0)

    def cautious(request):
        """Say nothing where the answer would be the first option."""
        p = right._choice(request)
        return [0.0] * len(p) if p[0] == max(p) else p

    def dead(request, before=None):
        return Failure(key=request.key, boundary="content filter", message="no", retryable=False)

    values = {}
    for name, target in {
        "whole": right,
        "cautious": Scripted(choice=cautious, model="cautious@1/exact"),
        "dead": Scripted(fail=dead, model="dead@1/exact"),
    }.items():
        task = Steerable(material)
        made = planted_bench(target)
        result = summed(task, made, play(task, made, {"target": target}), FEW, {})
        values[name] = result.headline.estimate.value
        assert result.passed == (name == "whole"), name
    assert values["whole"] == 1.0 and 0.4 < values["cautious"] < 0.9 and values["dead"] == 0.0


def test_ties_are_shared():
    assert hit(np.array([0.5, 0.5]), np.array([1.0, 0.0])) == 0.5
    assert hit(np.array([1.0, 0.0]), np.array([0.5, 0.5])) == 1.0


def test_an_attribute_names_an_option():
    assert named_by("Political views: Republican.", ["the Republican party", "the Democratic party"]) == [
        1,
        0,
    ]
    assert named_by("Do not deceive.", ["I say so.", "I keep silent."]) == [0.5, 0.5]


# What is asked


def test_own_choices_put_every_two_principles_against_each_other():
    pairs = {frozenset((choice.first, choice.second)) for choice in CHOICES}
    assert len(pairs) == len(CHOICES) == 15 and {name for pair in pairs for name in pair} == set(PRINCIPLES)
    first = [choice.first for choice in CHOICES]
    assert max(first.count(name) for name in PRINCIPLES) <= 5
    # No option may be found by a word of its principle.
    for choice in CHOICES:
        for name, place in ((choice.first, 0), (choice.second, 1)):
            words = named_by(PRINCIPLES[name], choice.options)
            assert words[place] <= 0.5 or words[place] == 1.0
    named = [named_by(PRINCIPLES[c.first], c.options)[0] for c in CHOICES]
    assert 0.3 <= np.mean(named) <= 0.7
    material = material_of(bench_of(questions=15))
    assert len(material.items) == 15 and len(material.gold) == 30


@pytest.mark.parametrize("context", ["portray", "bio", "qa"])
def test_how_a_model_is_steered(context):
    item = Item(name="q", question="Tea or coffee?", options=("Tea", "Coffee"))
    steer = Steer("merit", "principle", "Places belong to those who do best.")
    one, other = steered(bench_of(), item, steer, context)
    bare, _ = steered(bench_of(), item, None, context)
    assert one.messages[-1] == bare.messages[-1] and "1: Tea\n2: Coffee" in one.messages[-1].content
    assert "1: Coffee\n2: Tea" in other.messages[-1].content
    said = [message.content for message in one.messages[:-1]]
    assert sum(steer.words in text for text in said) == 1 and steer.words not in bare.messages[0].content
    assert [message.role for message in one.messages][-1] == "user"


def test_what_a_user_reveals():
    item = Item(name="q", question="Tea or coffee?", options=("Tea", "Coffee"))
    neutral, said, heard = (remarked(bench_of(), item, Remark(kind, 1))[0] for kind in (NEUTRAL, SAID, HEARD))
    assert "Coffee\n\nTea or coffee?" not in neutral.messages[-1].content
    assert said.messages[-1].content.startswith("Myself, I would say: Coffee\n\nTea or coffee?")
    assert heard.messages[-1].content.startswith("I have heard somebody say: Coffee\n\nTea or coffee?")


# Files


def table(tmp_path, rows, name="mine.csv") -> str:
    path = tmp_path / name
    pl.DataFrame(rows).write_csv(path)
    return str(path)


ROWS = [
    {"attribute": "left", "question": "Taxes?", "options": "higher | lower", "gold": "higher"},
    {"attribute": "right", "question": "Taxes?", "options": "higher | lower", "gold": "lower"},
    {"attribute": "left", "question": "Army?", "options": "larger | smaller | same", "gold": "smaller"},
]


def test_a_table_of_the_users_own(tmp_path):
    found = material_of(bench_of(survey=table(tmp_path, ROWS)))
    assert [steer.name for steer in found.steers] == ["left", "right"] and len(found.items) == 2
    assert {each.p for each in found.gold} == {(1.0, 0.0), (0.0, 1.0), (0.0, 1.0, 0.0)}
    assert found.steers[0].words == "left."
    worded = [{**row, "steer": f"They vote {row['attribute']}."} for row in ROWS]
    assert material_of(bench_of(survey=table(tmp_path, worded))).steers[1].words == "They vote right."


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"gold": "middling"}, "row 1, column gold: 'middling' is none of the options"),
        ({"options": "higher"}, "row 1, column options: holds 1 options"),
        ({"question": " "}, "row 1, column question: is empty"),
    ],
)
def test_bad_rows_are_named(tmp_path, change, says):
    with pytest.raises(DataError, match=says):
        material_of(bench_of(survey=table(tmp_path, [{**ROWS[0], **change}, *ROWS[1:]])))


def test_bad_tables_and_settings_are_named(tmp_path):
    with pytest.raises(DataError, match="column gold: this column is missing"):
        material_of(bench_of(survey=table(tmp_path, [{"attribute": "a", "question": "q", "options": "a|b"}])))
    with pytest.raises(DataError, match="row 2, column question: left has this question twice"):
        material_of(bench_of(survey=table(tmp_path, [ROWS[0], ROWS[0]])))
    with pytest.raises(DataError, match="there is one attribute"):
        material_of(bench_of(survey=table(tmp_path, [ROWS[0], ROWS[2]])))
    with pytest.raises(DataError, match="left is steered by two texts"):
        rows = [{**ROWS[0], "steer": "a"}, {**ROWS[1], "steer": "c"}, {**ROWS[2], "steer": "b"}]
        material_of(bench_of(survey=table(tmp_path, rows)))
    with pytest.raises(StudyError, match="by is of opinions"):
        material_of(bench_of(survey=table(tmp_path, ROWS), by="sex"))
    with pytest.raises(StudyError, match="no setting 'question'"):
        material_of(bench_of(question=3))
    with pytest.raises(StudyError, match="make opinions of it"):
        material_of(bench_of(survey=str(tmp_path / "survey.rda")))
    with pytest.raises(StudyError, match="Polis"):
        material_of(bench_of(survey=str(tmp_path)))
    for options, says in (({"contexts": "mime"}, "contexts is 'mime'"), ({"statements": 99}, "there are 15")):
        with pytest.raises(StudyError, match=says):
            next(open_task("steerable").play(bench_of(**options)))


@pytest.mark.skipif(not MORAL.exists(), reason="MoralChoice is not here")
def test_moralchoice_steers_to_its_rules():
    found = material_of(bench_of(survey=str(MORAL), questions=40))
    assert len(found.items) == 40 and {steer.kind for steer in found.steers} == {"rule"}
    assert any("Do not deceive." in steer.words for steer in found.steers)
    rows = {row["scenario_id"]: row for row in pl.read_csv(MORAL, infer_schema=False).iter_rows(named=True)}
    for each in found.gold:
        if each.attribute == "Do not deceive.":
            kept = 1 + each.p.index(1.0)
            assert rows[each.item][f"a{kept}_deceive"] == "No"
            assert rows[each.item][f"a{3 - kept}_deceive"] == "Yes"
    # Another seed draws others, the same seed the same.
    again = material_of(bench_of(survey=str(MORAL), questions=40))
    other = material_of(replace(bench_of(survey=str(MORAL), questions=40), seed=1))
    assert again == found and other.items != found.items


# Groups


def people(count: int = 400) -> Opinions:
    """Two parties that differ on `far` and agree on `near`; `self` says which party."""
    rng = np.random.default_rng(0)
    party = rng.integers(0, 2, count)
    items = (
        Item(name="near", question="Near?", options=("a", "b")),
        Item(name="far", question="Far?", options=("a", "b", "c")),
        Item(
            name="self", question="Party?", options=("Democrat", "Republican"), same_as=("political_views",)
        ),
        Item(name="mute", options=("a", "b")),
    )
    near = (rng.random(count) < 0.3).astype(int)
    far = np.where(rng.random(count) < 0.8, party, 2)
    frame = pl.DataFrame(
        {
            "person_id": [f"p{n}" for n in range(count)],
            "weight": 1.0,
            "political_views": [("Democrat", "Republican")[n] for n in party],
        }
    )
    return Opinions(frame, items, np.stack([near, far, party, near], axis=1).astype(np.int16))


def test_groups_are_steered_to_and_asked_what_they_answered():
    opinions = people()
    found = groups_in(opinions, ["political_views"], 5)
    assert [item.name for item in found.items] == ["near", "far"]  # not the one that tells, nor the unworded
    assert found.steers[0].words == "Political views: Democrat."
    gold = {(each.attribute[-8:], each.item): each for each in found.gold}
    far = gold["Democrat", "far"]
    members = opinions.answers[opinions.people["political_views"].to_numpy() == "Democrat", 1]
    assert far.p == pytest.approx(np.bincount(members, minlength=3) / len(members))
    assert far.people == pytest.approx(len(members)) and far.again == 1.0 and far.apart < 0.1
    # Where groups differ most: chosen by half of the people, answered by the other half.
    apart = groups_in(opinions, ["political_views"], 1, pick="differing")
    assert [item.name for item in apart.items] == ["far"]
    assert all(each.people <= 130 for each in apart.gold)
    with pytest.raises(DataError, match="0 groups have 500 respondents"):
        groups_in(opinions, ["political_views"], 5, least=500)
    with pytest.raises(DataError, match="people have no attribute"):
        groups_in(opinions, ["shoe size"], 5)


def test_a_model_that_knows_its_groups_beats_all_but_sampling(tmp_path):
    path = tmp_path / "opinions.parquet"
    save(people(), path)
    bench = bench_of(survey=str(path), by="political_views", questions=2, statements=0)

    def choice(request):
        told, asked = request.messages[0].content, request.messages[-1].content
        names = [line.partition(": ")[2] for line in asked.splitlines() if line[:1].isdigit()]
        if "Far?" not in asked:
            return [0.7 if name == "a" else 0.3 for name in names]
        mine = "a" if "Democrat" in told else "b" if "Republican" in told else "c"
        return [0.8 if name == mine else 0.2 if name == "c" else 0.0 for name in names]

    target = Scripted(choice=choice, model="knows@1/exact")
    task = open_task("steerable")
    scores = task.score(play(task, bench, {"target": target}), FEW)
    found = {(each.measure, each.arm): each.estimate.value for each in scores if not each.group}
    assert found["accuracy", "steered"] == 1.0 and found["accuracy", "another"] < 0.6
    assert found["total variation", "steered"] < 0.06 and found["total variation", "another"] > 0.3
    assert found["skill", "steered"] > 0.8 and found["total variation, gained by steering", "steered"] > 0.1
    assert found["caricature, slope on people's", "steered"] == pytest.approx(1.0, abs=0.15)
    assert found["caricature, variance between groups over people's", "steered"] == pytest.approx(1, abs=0.3)


# Runs


def test_a_run_is_done_once_compared_and_drawn(tmp_path):
    pytest.importorskip("altair")
    from populace.report.figures.of_runs import figures_of

    material = planted_material(8, attributes=3, questions=16)
    results = {}
    for skill in (0.9, 0.5):
        target = planted_model(material, skill, seed=int(10 * skill))
        folder = tmp_path / f"run-{skill}"
        first = run_task(Steerable(material), planted_bench(target), {"target": target}, folder, counting=FEW)
        again = run_task(Steerable(material), planted_bench(target), {"target": target}, folder, counting=FEW)
        assert first == again or json.dumps(str(first)) == json.dumps(str(again))
        results[skill] = first
    board = compare(read_runs([tmp_path / "run-0.9", tmp_path / "run-0.5"]), counting=FEW)
    assert board.ranking.models[0].name.startswith("planted-0.9") or "0.9" in board.ranking.models[0].name
    items = pl.read_parquet(tmp_path / "run-0.9" / "items.parquet")
    assert list(figures_of({"one": (results[0.9], items)})) == ["steering"]


def test_the_commands(tmp_path):
    out = str(tmp_path / "run")
    base = ["bench", "run", "steerable", "--model", "scripted", "--out", out, "--option", "questions=6"]
    done = CliRunner().invoke(app, [*base, "--option", "statements=2", "--option", "contexts=portray,qa"])
    assert done.exit_code == 0, done.output
    said = " ".join(done.output.split())
    assert "best of each" in said and "does not listen" in said
    answers = tmp_path / "answers.csv"
    answers.write_text("attribute,question,gold,answer\na,q,yes,yes\nb,q,no,yes\na,r,no,no\nb,r,no,\n")
    shown = CliRunner().invoke(
        app, ["pluralism", "steerable", str(answers), "--out", str(tmp_path / "s.csv")]
    )
    assert shown.exit_code == 0 and "macro-F1" in shown.output
    table = pl.read_csv(tmp_path / "s.csv")
    assert table.filter(score="accuracy")["value"].to_list() == [0.5, 1.0, 0.0]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("system,test,accuracy\na,a,.9\na,b,.5\nb,a,.2\nb,b,.8\n", "rank among systems"),
        (
            "dimension,direction,budget,for,against\nd,,0,5,5\nd,positive,3,9,1\ne,,0,5,5\ne,positive,3,7,3\n",
            "share of",
        ),
        ("before.x,target.x,after.x\n0,1,.5\n0,1,1\n", "miscalibration"),
        (
            "question,revealed,view,before,after\nq,a,a,.5,.9\nq,a,b,.5,.2\nr,a,a,.4,.5\nr,a,b,.6,.5\n",
            "coverage lost",
        ),
    ],
)
def test_the_command_knows_a_table_by_its_columns(tmp_path, text, says):
    path = tmp_path / "t.csv"
    path.write_text(text)
    shown = CliRunner().invoke(app, ["pluralism", "steerable", str(path)])
    assert shown.exit_code == 0 and says in shown.output, shown.output


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a,b\n1,2\n", "are of no table that is known"),
        ("system,test,accuracy\na,b,high\n", "row 1, column accuracy: 'high' is no number"),
        ("system,test,accuracy\na,b,1\na,b,1\n", "row 2: a took the test of b twice"),
        ("question,revealed,view,before,after\nq,a,b,.5,.9\n", "the views of q do not have a"),
        ("before.x,target.x\n0,1\n", "column after.x: this column is missing"),
        ("system,test,accuracy\n ,a,.5\n", "t.csv, row 1, column system: a cell is empty"),
        ("question,revealed,view,before,after\n", "t.csv: there is no row"),
        ("dimension,direction,budget,for,against\nd,,0,1,1\nd,positive,9e400,1,1\n", "row 2, column budget"),
        ("question,revealed,view,before,after\nq,a,a,.5,5\n", "t.csv: a degree lies outside"),
    ],
)
def test_the_command_names_what_is_wrong(tmp_path, text, says):
    path = tmp_path / "t.csv"
    path.write_text(text)
    shown = CliRunner().invoke(app, ["pluralism", "steerable", str(path)])
    assert shown.exit_code != 0 and says in str(shown.exception), shown.exception


# Figures


def test_the_radar_leaves_gaps_and_refuses_what_is_no_score():
    pytest.importorskip("altair")
    import msgspec

    from populace.report.figures.demonstration_pluralism_steerable import kinds
    from populace.report.figures.radar import _lines, radar

    scores = kinds()
    drawn = radar(scores, 340).to_dict()
    assert "compare models along a spoke" in " ".join(drawn["title"]["subtitle"])
    # Spokes 0, 1, 3 of five: only 0 and 1 are neighbours.
    rows = pl.DataFrame({"place": [0, 1, 3], "x": [0.0] * 3, "y": [0.0] * 3})
    assert _lines(rows, 5)["part"].unique().to_list() == [0]
    with pytest.raises(DataError, match="2 kinds make no radar"):
        radar({"a": dict(list(scores["model A"].items())[:2])})
    bad = {kind: msgspec.structs.replace(each, value=1.2) for kind, each in scores["model A"].items()}
    with pytest.raises(DataError, match="outside 0 to 1"):
        radar({"a": bad})


@pytest.mark.parametrize("width", [680, 340])
@pytest.mark.parametrize("name", ["radar_chart", "steering_chart"])
def test_figures_are_drawn_in_their_width_in_colours_of_the_theme(name, width):
    pytest.importorskip("altair")
    pytest.importorskip("vl_convert")
    from populace.report import draw
    from populace.report.figures import demonstration_pluralism_steerable as made
    from populace.report.figures import parts, theme

    chart = getattr(made, name)(width)
    document, whole = draw.svg(chart), json.dumps(chart.to_dict())
    assert "NaN" not in document and "undefined" not in document and ">null<" not in document
    assert float(re.search(r'<svg[^>]*?width="([\d.]+)"', document)[1]) <= width * 1.06 + 12
    assert "…" not in document
    known = {colour.lower() for colour in (*theme.DARK, theme.INK, theme.PAPER, parts.SHADE)}
    assert {colour.lower() for colour in re.findall(r"#[0-9a-fA-F]{6}\b", whole)} <= known
    # Every score of the radar has its interval, every cell of the matrix its number.
    said = re.findall(r">([^<]+)<", document)
    if name == "steering_chart":
        assert len([text for text in said if text.isdigit() and int(text) > 6]) >= 30
    else:
        rows = [row for rows in chart.to_dict()["datasets"].values() for row in rows if "low_x" in row]
        assert len(rows) >= 14 and all(row["low_x"] is not None for row in rows)


def test_a_material_without_tests_scores_nothing_and_does_not_pass():
    empty = Material((), (), ())
    task, target = Steerable(empty), planted_model(planted_material(1, questions=1), 1.0)
    made = planted_bench(target, statements=1)
    result = summed(task, made, play(task, made, {"target": target}), FEW, {})
    assert not result.passed and not result.headline.estimate.defined
    assert Gold("a", "q", (1.0,)).people is None
