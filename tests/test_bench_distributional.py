"""`distributional`: four ways to get a distribution out of a model, read honestly, scored and audited."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from populace.bench import Counting, open_task, play, run_task
from populace.bench.distributions.asking import (
    WAYS,
    Settings,
    chosen,
    read,
    requests_of,
    simulated,
    spellings,
    stated,
)
from populace.bench.distributions.planting import found_on, planted_bench, planted_cells, planted_model
from populace.bench.distributions.questions import MADE_UP, Cell, drawn, opened
from populace.bench.tasks.distributional import Distributional
from populace.errors import DataError, StudyError
from populace.models.records import Choice, ChooseRequest, Completion, Failure, GenerateRequest
from populace.models.scripted import Scripted

FEW = Counting(draws=50)
DATA = Path(__file__).parents[2] / "shared" / "data"
CELL = Cell("q", "Which?", ("red", "green", "blue"), gold=(0.5, 0.3, 0.2), people=100.0, source="people")


def completion(text: str, finish: str = "stop") -> Completion:
    return Completion(key="k", text=text, finish=finish)


def test_spellings_are_added_up_as_probabilities_and_not_as_logits():
    """Two spellings of .2 and .1 are .3; the sum of logits would make the ratio to .1 and .05 a square."""
    each = [0.2, 0.1, 0.1, 0.05, 0.04, 0.01]
    result = Choice(key="k", log_likelihoods=tuple(map(math.log, each)), tokens=(1,) * 6)
    view = read(CELL, "logprobs", 0, [result], Settings())
    assert view.p == pytest.approx((0.3 / 0.5, 0.15 / 0.5, 0.05 / 0.5)) and view.mass == pytest.approx(0.5)
    # Turned round, the first number is the last option.
    assert read(CELL, "logprobs", 1, [result], Settings()).p == pytest.approx((0.1, 0.3, 0.6))


def test_likelihoods_that_are_no_answer():
    none = Choice(key="k", log_likelihoods=(-9.0,) * 6, tokens=(1,) * 6)
    assert read(CELL, "logprobs", 0, [none], Settings()).outcome == "refused"
    unlisted = Choice(key="k", log_likelihoods=(None,) * 5 + (-0.1,), tokens=(1,) * 6)
    assert read(CELL, "logprobs", 0, [unlisted], Settings()).p == (0.0, 0.0, 1.0)
    failure = Failure(key="k", boundary="timeout", message="late", retryable=True)
    for way in WAYS:
        assert read(CELL, way, 0, [failure], Settings()).outcome == "failed"


def test_no_spelling_begins_with_another():
    every = [text for option in range(9) for text in spellings(option)]
    assert not [(a, b) for a in every for b in every if a != b and b.startswith(a)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1: 50\n2: 30\n3: 20", (0.5, 0.3, 0.2)),
        ("Here is my guess.\n\n- 1: 50%\n- 2: 30%\n- 3: 20%\n\nPeople differ.", (0.5, 0.3, 0.2)),
        ("**1**: 50\n**2**: 30\n**3**: 20", (0.5, 0.3, 0.2)),
        ("Option 1: 50 people\nOption 2: 30 people\nOption 3: 20 people", (0.5, 0.3, 0.2)),
        ("1: 52\n2: 31\n3: 20", (52 / 103, 31 / 103, 20 / 103)),  # off by arithmetic
        ("1: 50\n2: 50", None),  # an option is missing
        ("1: 50\n2: 50\n3: 50", None),
        ("1: 50\n1: 30\n3: 20", None),
        ("1: 50\n2: 30\n4: 20", None),
        ("1: -50\n2: 130\n3: 20", None),
        ("Most would choose the first.", None),
        ("", None),
    ],
)
def test_stated_distributions_are_read_or_left(text, expected):
    found = stated(text, 3)
    assert found is None if expected is None else found == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1, 1, 2, 3", (0.5, 0.25, 0.25)),
        ("1 1 2 3 3 3 3 3", (0.5, 0.25, 0.25)),  # those beyond the fourth are cut
        ("1, 1, 2, 9", (0.5, 0.25, 0.0)),  # what is no option is missing
        ("1, 1", (1.0, 0.0, 0.0)),  # half are there
        ("1", None),
        ("1.5, 2.5, 3.5, 1.5", None),
        ("Here are 4 people: 3, 3, 1, 1", (0.5, 0.0, 0.5)),
        # The numbers of people are no answers.
        ("1. 3\n2. 3\n3. 1\n4. 1", (0.5, 0.0, 0.5)),
        ("Person 1: 3\nPerson 2: 3\nPerson 3: 3\nPerson 4: 3", (0.0, 0.0, 1.0)),
        ("1. red\n2. red\n3. red\n4. red", None),
        ("They differ.", None),
    ],
)
def test_simulated_answers_are_counted(text, expected):
    assert simulated(text, 3, 4) == expected


def test_repeats_that_are_no_answer_are_missing_mass():
    texts = ["1", "I choose 2.", "None of the 2.", " 3: blue"]
    view = read(CELL, "repeated", 0, [completion(text) for text in texts], Settings())
    assert view.p == (0.25, 0.25, 0.25) and view.outcome == "answered" and view.draws == 4
    assert read(CELL, "repeated", 0, [completion("no")] * 2, Settings()).outcome == "malformed"
    refusal = completion("1: 50\n2: 30\n3: 20", "refusal")
    assert read(CELL, "verbalised", 0, [refusal], Settings()).outcome == "refused"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 or 2", None),
        ("1/2", None),
        ("2 (not 3)", None),
        ("1: red\n2: gre", None),  # a list of the options
        ("2, 2", 2),
        ("3: the blue of 1970", 3),
        ("2: 2 gr", 2),  # cut within the option's own words, which hold a number
        ("1: 2 greens", None),  # the words are another option's
        ("4", None),
        ("12", None),
    ],
)
def test_an_answer_that_names_two_options_is_none(text, expected):
    assert chosen(text, ("red", "2 greens", "the blue of 1970")) == expected


def test_what_is_asked():
    bench = planted_bench(planted_model([], 1.0))
    cell = replace(CELL, group="people whose age is 18 to 30")
    (ask,) = requests_of(bench, cell, "logprobs", 1, Settings())
    assert isinstance(ask, ChooseRequest) and len(ask.options) == 6
    assert "1: blue\n2: green\n3: red" in ask.messages[1].content and "18 to 30" in ask.messages[0].content
    many = [requests_of(bench, cell, "repeated", order, Settings(repeats=5)) for order in (0, 1)]
    assert list(map(len, many)) == [3, 2]
    keys = {request.key for some in many for request in some}
    assert len(keys) == 5
    for way, heat in (("verbalised", 0.0), ("sequences", 0.7)):
        (ask,) = requests_of(bench, cell, way, 0, Settings(heat=0.7))
        assert isinstance(ask, GenerateRequest) and ask.temperature == heat


# --- gold ---


def test_questions_of_our_own_have_no_gold_and_no_score():
    cells = opened(None, None, None).cells
    assert len({cell.name for cell in cells}) == len(cells) >= 20 and not any(cell.gold for cell in cells)
    planted = planted_cells(6)
    bare = [replace(cell, gold=(), people=math.nan, source="") for cell in planted]
    scores, findings = found_on(bare, planted_model(planted, 0.8), FEW)
    assert scores[0].measure == "tv" and not scores[0].estimate.defined
    told = {score.measure for score in scores}
    assert {"between ways", "between orders", "entropy"} <= told and "gap" not in told
    assert {each.name.split(",")[0] for each in findings} == {"order of options", "unanswered"}


def test_a_table_of_answers(tmp_path):
    file = tmp_path / "people.csv"
    file.write_text(
        "question,option,group,count,refusal,text,position\n"
        "tax,up,old,30,,Should taxes rise?,1\ntax,down,old,60,,,2\ntax,none,old,10,true,,\n"
        "tax,up,young,5,,,1\ntax,down,young,5,,,2\n"
    )
    ((old, young), left_out) = opened(str(file), None, None, least=10)
    assert left_out == ""
    assert old.gold == pytest.approx((1 / 3, 2 / 3)) and old.people == 90 and old.group == "old"
    assert old.text == "Should taxes rise?" and old.options == ("up", "down") and old.ordinal
    assert young.gold == (0.5, 0.5)
    with pytest.raises(StudyError, match="groups already"):
        opened(str(file), None, "age")
    with pytest.raises(StudyError, match="no survey"):
        opened(None, "gss", None)


def test_dilemmas_say_that_their_gold_is_made_up(tmp_path):
    file = tmp_path / "dilemmas.csv"
    head = "scenario_id,ambiguity,context,action1,action2\n"
    file.write_text(head + "H1,high,You are there.,I go.,I stay.\nL1,low,You are there.,I help.,I hurt.\n")
    high, low = opened(str(file), None, None).cells
    assert high.gold == (0.5, 0.5) and low.gold == (1.0, 0.0) and low.source == MADE_UP
    scores, _ = found_on_cells([high, low])
    assert "made up" in scores[0].note
    file.write_text(head + "H1,middling,You are there.,I go.,I stay.\n")
    with pytest.raises(DataError, match="row 1, column ambiguity"):
        opened(str(file), None, None)
    for rows, what in (
        ("H1,high,Here.,I go.\n", "row 1: the row has 4 fields, and the header 5"),
        ("H1,high,Here.,I go.,I stay.,more\n", "row 1: the row has 6 fields"),
        ("H1,high,,I go.,I stay.\n", "row 1, column context: the context is missing"),
        ("H1,high,Here.,I go.,I stay.\nH1,low,There.,I go.,I stay.\n", "row 2, column scenario_id: 'H1'"),
    ):
        file.write_text(head + rows)
        with pytest.raises(DataError, match=what):
            opened(str(file), None, None)


def test_a_file_that_is_not_utf8_is_refused(tmp_path):
    file = tmp_path / "people.csv"
    file.write_bytes("question,option,count\nq\xe9,a,30\nq\xe9,b,40\n".encode("latin-1"))
    with pytest.raises(DataError, match="not written in UTF-8"):
        opened(str(file), None, None)


def test_what_cannot_be_asked_is_left_out_and_said(tmp_path):
    file = tmp_path / "people.csv"
    many = "".join(f"long,o{place},9\n" for place in range(12))
    file.write_text(f"question,option,count\n{many}few,a,2\nfew,b,3\nq,a,20\nq,b,30\n")
    cells, left_out = opened(str(file), None, None)
    assert [cell.name for cell in cells] == ["q"]
    assert left_out == "1 with fewer than 20 people, 1 with more than 9 options"
    assert [cell.name for cell in opened(str(file), None, None, least=5).cells] == ["few", "q"]
    with pytest.raises(DataError, match="no question can be asked: 2 with fewer than 51 people, 1 with more"):
        opened(str(file), None, None, least=51)
    target = Scripted(text="1: 60\n2: 40", choice=lambda request: [0.3, 0.2, 0.2, 0.1])
    bench = replace(planted_bench(target), options={"survey": str(file), "ways": "verbalised", "least": 5})
    task = Distributional()
    notes = [score.note for score in task.score(play(task, bench, {"target": target}), FEW)]
    assert notes[0].endswith("left out: 1 with more than 9 options") and "left out" not in notes[1]
    # Items that were saved before there was such a column are scored too.
    items = play(task, bench, {"target": target}).drop("left_out")
    assert task.score(items, FEW)[0].note == ""


def found_on_cells(cells):
    model = Scripted(text="1: 60\n2: 40", choice=lambda request: [0.3, 0.2, 0.2, 0.1])
    task = Distributional(cells)
    items = play(task, planted_bench(model), {"target": model})
    return task.score(items, FEW), task.audit(items, FEW)


@pytest.mark.skipif(not (DATA / "polis").exists(), reason="the Polis data are not there")
def test_a_conversation_of_polis():
    cells = opened(str(DATA / "polis" / "american-assembly.bowling-green"), None, None).cells
    assert len(cells) > 100 and all(len(cell.options) == 3 and cell.people >= 20 for cell in cells)
    some = drawn(cells, 5, 1)
    assert len(some) == 5 and drawn(cells, 5, 1) == some != drawn(cells, 5, 2)


# --- scores ---


def test_planted_values_are_recovered_and_cheats_are_found():
    open_task("distributional").validate()


def test_the_planted_values_by_hand():
    """Half of the truth, half even: TV is half of the uniform's, skill 50, and nobody loses mass."""
    cells = planted_cells(12, seed=3)
    scores, _ = found_on(cells, planted_model(cells, 0.5), FEW)
    found = {(score.measure, score.arm): score.estimate for score in scores}
    off = [np.abs(np.array(cell.gold) - 1 / len(cell.gold)).sum() / 2 for cell in cells]
    assert found["tv", "logprobs"].value == pytest.approx(np.mean(off) / 2)
    assert found["tv", "uniform"].value == pytest.approx(np.mean(off))
    assert found["skill", "verbalised"].value == pytest.approx(50, abs=0.01)
    assert found["between orders", "logprobs"].value == pytest.approx(0, abs=1e-9)
    assert found["between ways", "logprobs × verbalised"].value == pytest.approx(0, abs=1e-4)
    assert found["mass on the options", "verbalised"].value == pytest.approx(1)
    assert found["gap", ""].low < 0.3


def test_silence_is_wholly_wrong_and_counted():
    cells = planted_cells(10, seed=2)
    honest = planted_model(cells, 1.0)

    def cautious(request: GenerateRequest) -> str:
        said = honest._text(request)
        return "" if "Matter 1?" in request.messages[-1].content else str(said)

    quiet = Scripted(text=cautious, choice=honest._choice, model="planted-quiet@1/exact")
    found = {(s.measure, s.arm): s.estimate for s in found_on(cells, quiet, FEW)[0]}
    assert found["tv", "verbalised"].value == pytest.approx(1 / 10, abs=1e-3)
    assert found["tv, answered alone", "verbalised"].value == pytest.approx(0, abs=1e-3)
    assert found["answers_malformed", "verbalised"].value == pytest.approx(0.1)
    assert "tv, answered alone" not in {m for m, arm in found if arm == "logprobs"}


def test_baselines_stand_beside_whatever_way_is_asked():
    cells = planted_cells(6, seed=6)
    target = planted_model(cells, 0.5)
    bench = replace(planted_bench(target), options={"ways": "verbalised", "questions": 6})
    task = Distributional(cells)
    scores = task.score(play(task, bench, {"target": target}), FEW)
    arms = {score.arm for score in scores if score.measure == "tv"}
    assert {"verbalised", "verbalised, shuffled", "uniform", "majority", "sampling alone"} <= arms


def test_groups_stand_apart_and_questions_bring_them_along():
    cells = planted_cells(8, seed=4)
    grouped = [replace(cell, group=group) for cell in cells for group in ("the old", "the young")]
    scores, _ = found_on(grouped, planted_model(cells, 0.5), FEW)
    headline = scores[0].estimate
    assert headline.n == 16 and headline.clusters == 8


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"question": 3}, "did you mean 'questions'"),
        ({"ways": "logprob"}, "no way 'logprob'"),
        ({"repeats": 1}, "both orders"),
        ({"heat": 0}, "no temperature above 0"),
        ({"heat": "warm"}, "no temperature above 0"),
        ({"questions": "3,4"}, "one number"),
        ({"least": "many"}, "least"),
    ],
)
def test_settings_that_mean_nothing_are_refused(options, what):
    target = planted_model([], 1.0)
    bench = replace(planted_bench(target), options=options)
    with pytest.raises(StudyError, match=what):
        play(Distributional(planted_cells(2)), bench, {"target": target})


def test_a_run_goes_on_where_it_stopped_and_is_compared(tmp_path):
    from populace.bench.compare import compare, read_runs

    cells = planted_cells(12, seed=5)
    for quality in (0.9, 0.3):
        target = planted_model(cells, quality)
        bench = planted_bench(target, questions=12)
        bench = replace(bench, options={**bench.options, "ways": "logprobs, verbalised"})
        folder = tmp_path / str(quality)
        first = run_task(Distributional(cells), bench, {"target": target}, folder, counting=FEW)
        asked = sum(target.asked.values())
        again = run_task(Distributional(cells), bench, {"target": target}, folder, counting=FEW)
        assert sum(target.asked.values()) == asked and again == first
    board = compare(read_runs([tmp_path / "0.9", tmp_path / "0.3"]), counting=FEW)
    assert not board.higher_is_better and "0.9" in board.ranking.models[0].name


def test_the_figure_of_a_run(tmp_path):
    from populace.report.figures import distributional, figures_of
    from populace.report.figures.demonstration_pluralism_distributional import distributional_result

    result = distributional_result()
    (draw,) = figures_of({"one": (result, None)}).values()
    told = draw(width=340).to_dict()
    assert "further off than words" in " ".join(told["title"]["subtitle"])
    bare = replace_scores(result)
    with pytest.raises(DataError, match="nobody was asked"):
        distributional(bare)


def replace_scores(result):
    from msgspec.structs import replace as changed

    return changed(result, scores=[score for score in result.scores if score.measure != "tv"])
