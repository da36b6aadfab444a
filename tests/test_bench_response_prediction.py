"""`response-prediction`: planted people come back, cheats are found, and nobody is told the answer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from populace.bench import Counting, run_task
from populace.bench.grounding.planting import planted_survey
from populace.bench.responding import planting
from populace.bench.responding.arms import Told
from populace.bench.responding.moving import jackknifed, macro_f1, pearson, spearman
from populace.bench.responding.opinion_qa import read_people
from populace.bench.responding.planning import FREQUENT, LURKERS, planned
from populace.bench.responding.rfpn import SIGNED, read_rfpn
from populace.bench.responding.scoring import hits_of
from populace.bench.runner import play
from populace.bench.tasks.response_prediction import ResponsePrediction
from populace.errors import DataError, StudyError
from populace.models.records import ChooseRequest
from populace.opinions import NONE

COUNTING = Counting(draws=200)
SAMPLE = planted_survey(3, items=20, people=120)
REPLIES = planting.planted_replies(2, people=50, headlines=40, each=12)
DATA = Path(__file__).parents[2] / "shared" / "data"


def bench(target, **options):
    return planting.planted_bench(target, people=15, asked=3, **options)


@pytest.fixture(scope="module")
def items() -> pl.DataFrame:
    target = planting.planted_model(SAMPLE, 0.8)
    made = bench(target, recipes="", routes="own,join,collaborative", strict=True, tokens="150,500")
    return play(ResponsePrediction(SAMPLE.opinions), made, {"target": target})


@pytest.fixture(scope="module")
def replied() -> pl.DataFrame:
    target = planting.planted_writer(REPLIES, 0.9, unread=0.2)
    return play(ResponsePrediction(REPLIES), bench(target), {"target": target})


def test_every_arm_has_the_same_cells(items):
    arms = items.partition_by("arm", "known", maintain_order=True)
    keys = [rows.select("persona_id", "prompt_id", "truth").rows() for rows in arms]
    assert all(each == keys[0] for each in keys) and len(keys[0]) == 45
    names = {(rows["arm"][0], rows["known"][0]) for rows in arms}
    for expected in (
        ("lm", "all"), ("lm", "3"), ("lm, nobody", "0"), ("lm, stranger", "all"), ("lm, summary", "all"),
        ("lm, 150 tokens", "all"), ("mode", "all"), ("own", "3"), ("join", "all"), ("collaborative", "all"),
        ("lm + collaborative", "all"), ("collaborative, strict", "all"), ("mode, strict", "all"),
        ("same again", "all"),
    ):  # fmt: skip
        assert expected in names, expected
    p = items.drop_nulls("p")
    assert np.allclose(p["p"].list.sum(), 1) and (p["p"].list.len() == p["options"]).all()


def test_scores_by_hand(items):
    found = {
        (score.measure, score.arm, score.group): score
        for score in ResponsePrediction().score(items, COUNTING)
    }
    for arm, known in (("lm", "all"), ("mode", "all"), ("own", "3")):
        rows = items.filter(arm=arm, known=known)
        right = [max(p) == p[truth] for p, truth in rows.select("p", "truth").iter_rows()]
        assert found["accuracy", f"{arm}, {known}", ""].estimate.value == pytest.approx(np.mean(right))
        logs = [np.log(p[truth]) for p, truth in rows.select("p", "truth").iter_rows()]
        assert found["log score", f"{arm}, {known}", ""].estimate.value == pytest.approx(np.mean(logs))
        few = rows["group"] == LURKERS
        by_hand = np.mean(np.array(right)[few.to_numpy()])
        assert found["accuracy", f"{arm}, {known}", LURKERS].estimate.value == pytest.approx(by_hand)
    pair = found["accuracy, above mode, all", "lm, all", ""]
    one, other = (hits_of(items.filter(arm=arm, known="all")) for arm in ("lm", "mode"))
    assert pair.estimate.value == pytest.approx((one - other).mean())
    assert f"discordant {(one > other).sum()} : {(one < other).sum()} of 45" in pair.note
    # Seven ablations are one family.
    assert "Holm over 7" in found["accuracy, above lm, summary, all", "lm, all", ""].note
    assert ("accuracy, effect of JOIN", "lm, all", "") in found
    assert ("accuracy, effect of JOIN", "join, strict, all", "") in found
    tokens = found["tokens told", "lm, all", ""].estimate
    assert 0 < tokens.value <= 500 and found["tokens told", "lm, 150 tokens, all", ""].estimate.value <= 150


def test_the_first_score_is_the_headline(items):
    first = ResponsePrediction().score(items, COUNTING)[0]
    assert (first.measure, first.arm) == ("accuracy", "lm, all")


def plan_of(source, **options):
    return planned(bench(planting.planted_model(SAMPLE, 1.0), **options), source)


def test_designs_are_nested_and_what_is_asked_is_never_known():
    plan = plan_of(SAMPLE.opinions, known="0,3,10")
    three, ten, everything = (plan.known(count) for count in (3, 10, None))
    assert (plan.known(0) == NONE).all()
    assert ((three == NONE) | (three == ten)).all() and ((ten == NONE) | (ten == everything)).all()
    assert not (plan.parts.asked & (everything != NONE)).any()
    assert ((three != NONE).sum(axis=1) == 3).all()


def test_nobody_is_told_an_answer_to_the_very_question():
    plan = plan_of(SAMPLE.opinions)
    told = Told(plan)
    for whom in (None, plan.others()):
        for known, column in zip(told.of(None, whom), plan.cells(None).columns, strict=True):
            question = plan.opinions.items[column].question
            texts = [text for text, _ in (*known.own, *known.joined)]
            assert texts and question not in texts
            assert not any(line.startswith(question) for line in known.induced)


def test_lurkers_are_those_with_the_shortest_history():
    plan = planned(bench(planting.planted_model(SAMPLE, 1.0), lurkers=0.2), SAMPLE.opinions)
    history = (plan.parts.rank >= 0).sum(axis=1)
    few, many = history[plan.groups == LURKERS], history[plan.groups == FREQUENT]
    assert len(few) == len(many) == 3 and few.max() <= np.sort(history)[2] and many.min() >= few.max()


def test_what_cannot_be_read_is_counted_and_is_a_miss(replied):
    rows = replied.filter(arm="lm", known="all")
    silent = rows["outcome"] == "unread"
    assert 0 < silent.sum() < len(rows)
    assert (hits_of(rows)[silent.to_numpy()] == 0).all()
    scores = ResponsePrediction().score(replied, COUNTING)
    found = {(score.measure, score.arm): score for score in scores if not score.group}
    assert found["answers_unread", "lm, all"].estimate.value == pytest.approx(silent.mean())
    failed = [finding.name for finding in ResponsePrediction().audit(replied, COUNTING) if not finding.passed]
    assert "unanswered" in failed
    # The scores of the paper are there: micro F1 is the accuracy of the polarity.
    right = (rows["said"] == rows["polarity"]).fill_null(value=False).mean()
    assert found["accuracy", "lm, all"].estimate.value == pytest.approx(right)
    assert {"spearman", "pearson", "macro f1"} <= {measure for measure, _ in found}


def test_correlations_and_f1_are_those_of_the_libraries():
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 7, 80).astype(float), rng.integers(0, 7, 80).astype(float)
    assert spearman(a, b) == pytest.approx(stats.spearmanr(a, b).statistic)
    assert pearson(a, b) == pytest.approx(stats.pearsonr(a, b).statistic)
    assert pearson(a, np.ones(80)) == 0.0
    # Three classes: F1 of 2/3, 0 and 1; what was not said is a miss of its class.
    truth, said = np.array([0.0, 0, 1, 2]), np.array([0.0, -1, -1, 2])
    assert macro_f1(truth, said) == pytest.approx((2 / 3 + 0 + 1) / 3)


@given(st.integers(5, 40), st.integers(0, 1000))
def test_what_cells_move_a_mean_by_is_what_they_are_above_it(count, seed):
    said = np.random.default_rng(seed).normal(size=count)
    value, moved = jackknifed(lambda a, b: float(b.mean()), np.zeros(count), said)
    assert np.allclose(moved, (said - value) / count) and abs(moved.sum()) < 1e-9


# Files.


def record(**changes):
    return {"author_id": "a", "conversation_id": "h1", "tweet_id": 1, "text": "News", "predicted": 2,
            "predicted_intensity": 5} | changes  # fmt: skip


def rfpn(folder: Path, train: list, test: list) -> Path:
    for name, rows in (("train", train), ("test", test)):
        (folder / f"{name}.json").write_bytes(msgspec.json.encode(rows))
    return folder


def test_replies_are_read(tmp_path):
    test = [record(conversation_id="h2", text="More", predicted=0, predicted_intensity=1)]
    found = read_rfpn(
        rfpn(tmp_path, [record(), record(author_id="b", predicted=1, predicted_intensity=3)], test)
    )
    assert found.opinions.answers.tolist() == [[5, 1], [3, NONE]] and found.polarity.tolist()[0] == [2, 0]
    assert found.asked.tolist() == [[False, True], [False, False]]
    assert found.opinions.items[0].options[5] == SIGNED[5] == "positive"


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"predicted": 0}, "contradict"),
        ({"predicted": 1}, "contradict"),
        ({"predicted_intensity": 7}, "score 7"),
        ({"text": "Other"}, "two texts"),
        ({"author_id": None}, "row 1"),
    ],
)
def test_broken_replies_are_refused(tmp_path, changes, where):
    with pytest.raises(DataError, match=where):
        read_rfpn(rfpn(tmp_path, [record()], [record(**changes)]))
    with pytest.raises(DataError, match="no such file"):
        read_rfpn(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("data", "where"),
    [
        (b"5", "train.json: this is no list"),
        (b"[" * 100_000, "train.json: this is no JSON"),
        (b"[]", "no part"),
    ],
)
def test_a_part_that_holds_no_replies_is_named(tmp_path, data, where):
    for name in ("train", "test"):
        (tmp_path / f"{name}.json").write_bytes(data)
    with pytest.raises(DataError, match=where):
        read_rfpn(tmp_path)


def test_the_file_that_is_named_is_the_one_that_was_read(tmp_path):
    for name, text in (("train", "News"), ("test", "Other")):
        (tmp_path / f"{name}.jsonl").write_bytes(msgspec.json.encode(record(text=text)) + b"\n")
    with pytest.raises(DataError, match=r"test\.jsonl, .*two texts"):
        read_rfpn(tmp_path)


def test_a_survey_that_is_not_there_is_named():
    with pytest.raises(DataError, match="no such file"):
        planned(bench(planting.planted_model(SAMPLE, 1.0), survey="nowhere.csv"))


def test_answers_in_the_form_of_opinion_qa(tmp_path):
    (tmp_path / "info.csv").write_text(
        "key,question,references,option_ordinal\nQ1,More trees?,\"['Yes', 'No', 'Refused']\",\"[1.0, 2.0]\"\n"
    )
    (tmp_path / "responses.csv").write_text("QKEY,Q1,POLPARTY\n7,No,Democrat\n8,Refused,\n9,Yes,Republican\n")
    found = read_people(tmp_path)
    assert found.answers.tolist() == [[1], [0]] and found.people["person_id"].to_list() == ["7", "9"]
    assert found.people["political_views"].to_list() == ["Democrat", "Republican"]
    assert found.items[0].options == ("Yes", "No")


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"recipes": "magic"}, "recipes has no 'magic'"),
        ({"routes": "luck"}, "routes has no 'luck'"),
        ({"known": "three"}, "no whole number"),
        ({"respondents": 1}, "at least 2"),
        ({"nonsense": 1}, "no setting"),
        ({"lurkers": 0.9}, "at most 0.5"),
    ],
)
def test_settings_that_mean_nothing_are_refused(options, what):
    target = planting.planted_model(SAMPLE, 1.0)
    made = bench(target)
    with pytest.raises(StudyError, match=what):
        planned(replace(made, options={**made.options, **options}), SAMPLE.opinions)


@pytest.fixture(scope="module")
def result(items):
    from populace.bench.result import TaskResult

    task = ResponsePrediction()
    return TaskResult(
        task=task.meta.name, task_version=1, populace="0", target="planted@1/exact", judge=None, way="choice",
        settings={}, personas="", prompts="", templates="", items=len(items), main_measure="accuracy",
        higher_is_better=True, scores=task.score(items, COUNTING),
    )  # fmt: skip


@pytest.mark.parametrize("width", [680, 340])
def test_figures_show_what_was_scored(result, items, width):
    pytest.importorskip("altair")
    from populace.report import draw
    from populace.report.figures.of_runs import figures_of

    made = figures_of({"one": (result, items)})
    assert list(made) == ["prediction-curves", "prediction-pairs"]
    curves, pairs = (draw.svg(chart(width=width)) for chart in made.values())
    for word in ("own answers that are known", "tokens told", "the model", "factors", "own items"):
        assert word in curves
    lost = next(score for score in result.scores if score.measure == "accuracy, above mode, all")
    counts = lost.note.removeprefix("discordant ").partition(" of")[0]
    assert counts in pairs and "with JOIN" in pairs


def test_a_figure_of_another_task_is_refused(result):
    pytest.importorskip("altair")
    from populace.report.figures.response_prediction import prediction_curves, prediction_pairs

    other = msgspec.structs.replace(result, task="grounded")
    for chart in (prediction_curves, prediction_pairs):
        with pytest.raises(DataError, match="response-prediction"):
            chart(other)
    with pytest.raises(DataError, match="nothing was compared"):
        prediction_pairs(msgspec.structs.replace(result, scores=result.scores[:1]))


def test_one_person_has_no_interval_and_no_test(result, items):
    pytest.importorskip("altair")
    from populace.bench.responding.scoring import scores_of
    from populace.report.figures.response_prediction import prediction_pairs

    one = items.filter(persona_id=items["persona_id"][0])
    one = one.filter(pl.col("prompt_id") == one["prompt_id"][0])
    scores = scores_of(one, COUNTING)
    pairs = [score for score in scores if score.measure.startswith("accuracy, ")]
    assert pairs and all(score.p_value is None for score in pairs)
    shown = prediction_pairs(msgspec.structs.replace(result, scores=tuple(scores))).to_json()
    assert "no intervals" in shown and "95 % intervals" not in shown


def test_without_data_it_says_what_it_needs():
    with pytest.raises(StudyError, match="needs data"):
        planned(bench(planting.planted_model(SAMPLE, 1.0)))


def test_a_conversation_on_polis(tmp_path):
    folder = DATA / "polis" / "15-per-hour-seattle"
    if not folder.is_dir():
        pytest.skip("there is no conversation of Polis beside this project")
    from populace.models.scripted import Scripted

    def choice(request: ChooseRequest) -> list[float]:
        return [0.5] + [0.5 / (len(request.options) - 1)] * (len(request.options) - 1)

    target = Scripted(choice=choice, model="steady@1/exact")
    made = bench(target, survey=str(folder), routes="own,collaborative", known="0,3")
    result = run_task(ResponsePrediction(), made, {"target": target}, tmp_path / "run", counting=COUNTING)
    assert result.headline.estimate.defined and not result.passed  # it goes by the place


def test_a_run_goes_on_where_it_stopped(tmp_path):
    asked = []
    target = planting.planted_model(SAMPLE, 0.8)
    read = target._choice

    def counted(request: ChooseRequest) -> list[float]:
        asked.append(request.key)
        return read(request)  # type: ignore[operator]

    target._choice = counted
    task, made = ResponsePrediction(SAMPLE.opinions), bench(target)
    once = run_task(task, made, {"target": target}, tmp_path / "run", counting=COUNTING)
    count = len(asked)
    (tmp_path / "run" / "items.parquet").unlink()
    again = run_task(task, made, {"target": target}, tmp_path / "run", counting=COUNTING)
    assert len(asked) == count and msgspec.json.encode(once) == msgspec.json.encode(again)


def test_a_failed_call_is_a_miss():
    rows = pl.DataFrame(
        {
            "p": [None, [0.9, 0.1]],
            "said": [None] * 2,
            "truth": [0, 0],
            "polarity": [None] * 2,
            "options": [2, 2],
        },
        schema_overrides={"said": pl.Int64, "polarity": pl.Int16},
    )
    assert hits_of(rows).tolist() == [0.0, 1.0]
