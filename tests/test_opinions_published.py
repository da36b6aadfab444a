"""Published metrics from files in the released forms: numbers by hand, broken files named, losses told."""

from __future__ import annotations

import json
import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from populace.errors import DataError
from populace.opinions import Item, Opinions
from populace.opinions.published import (
    Gold,
    Predictions,
    Question,
    gaps,
    global_opinion_similarity,
    predictions_of_run,
    read_counts,
    read_global_opinions,
    read_meister,
    read_opinion_qa,
    read_predictions,
    representativeness,
    total_variation_of,
    total_variations,
)
from populace.opinions.published.metrics import near

INFO = """key,option_mapping,question,references,option_ordinal
SAFE_W1,"{}",How safe?,"['Very', 'Somewhat', 'Not', 'Refused']","[1.0, 2.0, 3.0]"
DANGER_W1,"{}",Which?,"['Safer', 'More ""dangerous""', 'Neither', 'Refused']","[1.0, 2.0, 1.5]"
WHY_W1,"{}",Why?,"['A', 'B', 'Refused']","[1, 1]"
"""


@pytest.fixture
def wave(tmp_path):
    folder = tmp_path / "W1"
    folder.mkdir()
    (folder / "info.csv").write_text(INFO)
    data = {
        "SAFE_W1": {
            "MC_options": ["Very", "Somewhat", "Not", "Refused"],
            "question_text": "How safe?",
            "Male": {"Very": 6.0, "Somewhat": 2.0, "Refused": 5.0},
            "Female": {"Very": 2.0, "Somewhat": 2.0, "Not": 4.0},
            "Refused": {"Not": 4.0},
        },
        "DANGER_W1": {
            "MC_options": [],
            "question_text": "Which?",
            "Male": {"Safer": 1.0, "Neither": 1.0},
            "Female": {'More "dangerous"': 2.0},
        },
        "WHY_W1": {"MC_options": [], "question_text": "Why?", "Male": {"A": 1.0}},
    }
    (folder / "SEX_data.json").write_text(json.dumps(data))
    return folder


MINE = {
    "SAFE_W1": {"Very": 0.4, "Somewhat": 0.0, "Not": 0.4, "Refused": 0.2},
    "DANGER_W1": {"Safer": 0.9, "Neither": 0.0, "nonsense": 0.1},
}


def test_representativeness_by_hand(wave):
    gold = read_opinion_qa(wave)
    assert [q.key for q in gold.questions] == ["SAFE_W1", "DANGER_W1"]
    assert any("without an order" in note for note in gold.notes)
    assert any("unweighted" in note for note in gold.notes)
    assert gold.questions[0].groups == ("Overall", "SEX/Male", "SEX/Female")
    # Overall of SAFE: 8, 4, 8 of 20 (who refuses to tell the sex counts for everybody).
    assert gold.questions[0].shares[0].tolist() == [0.4, 0.2, 0.4]
    found = representativeness(gold, Predictions("mine", {k: {None: v} for k, v in MINE.items()}), draws=50)
    # SAFE, the model says (1/2, 0, 1/2). Male (3/4, 1/4, 0): W1 = 1/4 + 1/2 = 3/4, over 2: 0.625.
    # DANGER in the order safer, neither (1.5), more: the model (1, 0, 0). Male (1/2, 1/2, 0): W1 = 1/4.
    assert found.score("SEX/Male", "mine").value == pytest.approx((0.625 + 0.75) / 2)
    # Female (1/4, 1/4, 1/2): W1 = 1/4: 0.875; DANGER all at the other end: 0.
    assert found.score("SEX/Female", "mine").value == pytest.approx(0.875 / 2)
    # Uniform, male: cumulative 1/3, 2/3 against 3/4, 1: W1 = 5/12 + 1/3 = 3/4: 0.625. DANGER: codes 1, 1.5,
    # 2, cumulative 1/3, 2/3 against 1/2, 1: (1/6 + 1/3) / 2 = 1/4: 0.75.
    assert found.score("SEX/Male", "uniform").value == pytest.approx((0.625 + 0.75) / 2)
    # Everybody, SAFE cumulative 0.4, 0.6 against male 0.75, 1: (0.35 + 0.4) / 2. DANGER everybody: 1/4, 1/2
    # at 1 and 1.5 against 1/2, 1: (1/4 + 1/2) / 2.
    assert found.score("SEX/Male", "humans").value == pytest.approx((1 - 0.375 + 1 - 0.375) / 2)
    assert found.scores[0].group == "Overall" and found.better == "higher"
    assert found.score("worst group", "mine").value == pytest.approx(0.875 / 2)
    notes = " ".join(found.notes)
    # Of 6 distributions: SAFE loses 0.2 to refusals, DANGER 0.1 to nonsense; half and half.
    assert "0.1000 on refusals, 0.0500 on options that match none" in notes and "'nonsense'" in notes


def test_weights_of_the_responses(wave):
    (wave / "responses.csv").write_text(
        "SAFE_W1,DANGER_W1,WHY_W1,SEX,WEIGHT_W1\nVery,Safer,A,Male,3\nNot,,A,Female,1\nRefused,Other,,Male,9\n"
    )
    (wave / "metadata.csv").write_text("""key,options\nSEX,"['Male', 'Female']"\n""")
    gold = read_opinion_qa(wave)
    safe, danger = gold.questions
    assert safe.groups == ("Overall", "SEX/Male", "SEX/Female")
    assert safe.shares.tolist() == [[0.75, 0, 0.25], [1, 0, 0], [0, 0, 1]]
    # No woman answered the second: she is no group of it. "Other" is no option, and is told.
    assert danger.groups == ("Overall", "SEX/Male")
    assert any("1 answer(s) are no option" in note for note in gold.notes)
    (wave / "responses.csv").write_text("SAFE_W1,SEX,WEIGHT_W1\nVery,Male,3\nNot,Male,-1\n")
    with pytest.raises(DataError, match="row 2, column WEIGHT_W1"):
        read_opinion_qa(wave)


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("info.csv", "key,references\nq,['a']\n", "column option_ordinal"),
        ("info.csv", 'key,references,option_ordinal\nq,"[a, b]","[1, 2]"\n', "row 1, column references"),
        ("info.csv", "key,references,option_ordinal\nq,\"['a', 'b']\",\"[1, 2, 3]\"\n", "3 codes for 2"),
        ("info.csv", "key,references,option_ordinal\nq,\"['a', 'b']\",\"['x', 'y']\"\n", "no number"),
        ("SEX_data.json", "{", "row 1"),
        ("SEX_data.json", '{"SAFE_W1": {"Male": {"Very": -1}}}', "column SAFE_W1"),
    ],
)
def test_broken_files_are_named(wave, name, text, wanted):
    (wave / name).write_text(text)
    with pytest.raises(DataError, match=wanted) as error:
        read_opinion_qa(wave)
    assert error.value.file is not None and error.value.file.endswith(name)


GLOBAL = """question,selections,options,source
Good?,"defaultdict(<class 'list'>, {'Japan': [0.5, 0.5], 'Peru': [0.8, 0.2], 'Fiji': [1]})","['Yes', 'No']",G
Good?,"defaultdict(<class 'list'>, {'Japan': [30, 70]})","['Yes', 'No']",WVS
Scale?,"{'Japan': [0.0, 0.99, 0.0]}","[1, 2, 3]",WVS
"""


def test_global_opinions_by_hand(tmp_path):
    file = tmp_path / "global.csv"
    file.write_text(GLOBAL)
    gold = read_global_opinions(file)
    assert [q.key for q in gold.questions] == ["Good? (row 1)", "Good? (row 2)", "Scale?"]
    assert gold.questions[1].shares.tolist() == [[0.3, 0.7]] and gold.questions[2].options == ("1", "2", "3")
    assert "1 country(s) x question with other than one share" in gold.notes[0]
    assert "within 0.010 at worst" in gold.notes[-1]
    mine = {"1": {"Japan": {"Yes": 0.5, "No": 0.5}, "Peru": {"Yes": 1.0}}, "Scale?": {"1": 1.0}}
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(mine))
    for base, worst in ((2.0, 0.0), (math.e, 1 - math.sqrt(math.log(2)))):
        found = global_opinion_similarity(gold, read_predictions(path), base=base, draws=20)
        # Japan: the same (1), and all on another option; the second question is not predicted.
        assert found.score("Japan", "mine").value == pytest.approx((1 + worst) / 2)
        assert found.score("Japan", "mine").n == 2
        # (1, 0) against (0.8, 0.2): the middle is (0.9, 0.1).
        bits = (math.log(1 / 0.9) + 0.8 * math.log(0.8 / 0.9) + 0.2 * math.log(2)) / 2 / math.log(base)
        assert found.score("Peru", "mine").value == pytest.approx(1 - math.sqrt(bits))
        assert found.score("Peru", "majority").value == pytest.approx(1 - math.sqrt(bits))
        assert any(note.startswith("1 of 4 distributions") for note in found.notes)
    with pytest.raises(DataError, match="no prediction matches"):
        global_opinion_similarity(gold, Predictions("x", {"Bad?": {None: {"Yes": 1.0}}}), base=2)
    file.write_text(GLOBAL.replace("[0.8, 0.2]", "[0.8, 'x']"))
    with pytest.raises(DataError, match="row 1, column selections"):
        read_global_opinions(file)


def _result(model, people):
    letters = "ABCDEFG"
    return {
        "actual_results": {a: [p] for a, p in zip(letters, model, strict=False)},
        "avg_actual_results": dict(zip(letters, model, strict=False)),
        "expected_results": dict(zip(letters, people, strict=False)),
    }


@pytest.fixture
def results(tmp_path):
    def put(path, data):
        file = tmp_path / "results" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(data))

    wave = "Pew_American_Trends_Panel_disagreement_100/POLPARTY"
    good, bad = _result([0.6, 0.4], [0.5, 0.5]), _result([0, 0], [0.7, 0.3])
    put(f"opinionqa/express_distribution/m/task1/{wave}/Democrat.json", {"q1": good, "q2": bad})
    put(f"opinionqa/sequence/m/task1/{wave}/Democrat.json", {"q1": _result([1, 0], [0.5, 0.5]), "q2": good})
    put(f"opinionqa/sequence/m/task0/{wave}/Democrat.json", {"q1": _result([0, 1], [1, 0])})
    put(f"opinionqa/sequence/m/task1/{wave}/Independent.json", {"q1": _result([0, 1], [1, 0])})
    put(
        "nytimes/express_distribution/m/task3_easy_hard/SEX/Male.json", {"b": _result([0.3, 0.3], [0.9, 0.1])}
    )
    put("nytimes/sequence/m/task3_easy_hard/SEX/Male.json", {"b": _result([0.5, 0.5], [0.9, 0.1])})
    return tmp_path / "results"


def test_the_released_results_by_hand(results):
    rows = read_meister(results)
    found = {(r["output"], r["handling"]): r for r in total_variations(rows, draws=100).iter_rows(named=True)}
    # As released: q1 0.1, q2 (zeros) 0.5, so 0.3; b: (0.6 + 0.2) / 2 = 0.4; data sets alike: 0.35.
    assert found["express_distribution", "as released"]["value"] == pytest.approx(0.35)
    # Parsed: q1 0.1 alone; b with (1/2, 1/2): 0.4.
    assert found["express_distribution", "parsed"]["value"] == pytest.approx(0.25)
    # Sequence: q1 0.5, q2 0.1; b 0.4.
    assert found["sequence", "as released"]["value"] == pytest.approx(0.35)
    # Uniform: 0 and 0.2 on the first (q1, q2), 0.4 on b.
    assert found["control", "as released"]["value"] == pytest.approx((0.1 + 0.4) / 2)
    row = found["sequence", "as released"]
    assert row["half_width"] == pytest.approx((row["high"] - row["low"]) / 2) and row["n"] == 3
    gap = {r["handling"]: r["value"] for r in gaps(rows, draws=100).iter_rows(named=True)}
    assert gap == pytest.approx({"as released": 0.0, "parsed": 0.35 / 0.25 - 1})
    notes = " ".join(rows.notes)
    assert (
        "1 of 6 answers could not be parsed" in notes and "Independent" in notes and "globalvalues" in notes
    )
    assert total_variations(rows, draws=100).equals(total_variations(rows, draws=100))


def test_broken_results_are_named(results):
    file = next((results / "nytimes").rglob("Male.json"))
    file.write_text('{"b": {"avg_actual_results": {"A": 1}}}')
    with pytest.raises(DataError, match="lacks avg_actual_results"):
        read_meister(results)
    file.write_text(json.dumps({"b": _result([1.0], [0.5, 0.5])}))
    assert "1 rows whose shares do not fit" in read_meister(results).notes[0]
    with pytest.raises(DataError, match="no results of these tasks"):
        read_meister(results / "nytimes")


def test_a_model_of_ones_own_against_counts(wave):
    (gold,) = read_counts(wave)
    assert gold.questions[0].options == ("Very", "Somewhat", "Refused", "Not")
    mine = {"SAFE_W1": {"Male": {"Very": 6, "Somewhat": 2, "Refused": 5}, "Female": {"Very": 1.0}}}
    tables = {
        q: {g: {o: p / sum(d.values()) for o, p in d.items()} for g, d in by.items()}
        for q, by in mine.items()
    }
    found = total_variation_of([gold], Predictions("mine", tables), draws=50)
    # Male exactly (0); female (1/4, 1/4, 0, 1/2) against all on the first: 3/4.
    assert found.score("all data sets alike", "mine").value == pytest.approx(0.375)
    assert found.score("all data sets alike", "mine").n == 2
    assert any("the paper averages three" in note for note in found.notes)


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("p.json", '{"q": {"a": 1.5}}', "'q', is no probability"),
        ("p.json", '{"q": {"a": 0.5, "g": {"b": 1}}}', "mixes"),
        ("p.json", "[1]", "no object"),
        ("p.json", "{}", "predicts nothing"),
        ("p.csv", "question,option,probability\nq,a,0.5\nq,a,0.5\n", "row 2, column option"),
        ("p.csv", "question,option,probability\nq,a,much\n", "row 1, column probability"),
        ("p.csv", "question,option\nq,a\n", "column probability"),
        ("p.txt", "", "not read"),
    ],
)
def test_broken_predictions_are_named(tmp_path, name, text, wanted):
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=wanted):
        read_predictions(tmp_path / name)


def test_tables_and_objects_say_the_same(tmp_path):
    wide = {"q": {"x/g": {"a": 0.25, "b": 0.75}}, "r": {"a": 1.0}}
    (tmp_path / "p.json").write_text(json.dumps(wide))
    rows = [("q", "x/g", "a", 0.25), ("q", "x/g", "b", 0.75), ("r", None, "a", 1.0)]
    frame = pl.DataFrame(rows, schema=["question", "group", "option", "probability"], orient="row")
    frame.write_parquet(tmp_path / "p.parquet")
    frame.write_csv(tmp_path / "p.csv")
    first = read_predictions(tmp_path / "p.json")
    assert read_predictions(tmp_path / "p.parquet") == first == read_predictions(tmp_path / "p.csv")


def test_a_run_becomes_distributions():
    people = pl.DataFrame({"person_id": ["x", "y"], "weight": [1.0, 3.0]})
    opinions = Opinions(
        people, (Item(name="q", options=("Yes", "No")),), np.array([[0], [1]], dtype=np.int16)
    )
    items = pl.DataFrame(
        {
            "arm": ["m", "m", "other"],
            "prompt_id": ["q"] * 3,
            "weight": [1.0, 3.0, 1.0],
            "sex": ["F", "M", "F"],
            "p": [[1.0, 0.0], [0.2, 0.8], [0.5, 0.5]],
        }
    )
    assert predictions_of_run(items, opinions, arm="m").tables["q"][None] == pytest.approx(
        {"Yes": 0.4, "No": 0.6}
    )
    by = predictions_of_run(items, opinions, arm="m", by="sex").tables["q"]
    assert by["sex/F"]["Yes"] == 1.0 and by["Overall"]["Yes"] == pytest.approx(0.4)
    with pytest.raises(DataError, match="take one of m, other"):
        predictions_of_run(items, opinions, arm="none")


@settings(deadline=None, max_examples=60)
@given(st.integers(2, 5), st.data())
def test_near_is_what_scipy_says(size, data):
    from scipy.stats import wasserstein_distance

    codes = data.draw(st.lists(st.sampled_from([1.0, 1.5, 2.0, 3.0, 4.0]), min_size=size, max_size=size))
    mass = st.lists(st.floats(0.01, 1), min_size=size, max_size=size)
    p, q = (np.array(data.draw(mass)) for _ in range(2))
    p, q = p / p.sum(), q / q.sum()
    found = near(p, q, codes).item()
    if len(set(codes)) < 2:
        assert math.isnan(found)
    else:
        wanted = 1 - wasserstein_distance(codes, codes, p, q) / (max(codes) - min(codes))
        assert found == pytest.approx(wanted, abs=1e-9)


def test_the_truth_scores_best():
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.ones(4), size=(30, 2))
    questions = tuple(
        Question(f"q{i}", tuple("abcd"), ("Overall", "x/y"), shares[i], (1, 2, 3, 4)) for i in range(30)
    )
    tables = {
        q.key: {g: dict(zip(q.options, row, strict=True)) for g, row in zip(q.groups, q.shares, strict=True)}
        for q in questions
    }
    gold, truth = Gold("g", questions), Predictions("truth", tables)
    assert representativeness(gold, truth, draws=20).score("Overall", "truth").low == pytest.approx(1)
    assert global_opinion_similarity(gold, truth, base=2, draws=20).score(
        "x/y", "truth"
    ).value == pytest.approx(1)
    assert total_variation_of([gold], truth, draws=20).scores[0].estimate.high == pytest.approx(0)


def test_the_command(wave, results, tmp_path):
    from populace.cli.opinions import app

    run = CliRunner().invoke
    (tmp_path / "mine.json").write_text(json.dumps(MINE))
    given = ["--predictions", str(tmp_path / "mine.json"), "--draws", "20"]
    out = tmp_path / "out.csv"
    done = run(app, ["published", "opinionqa", str(wave), *given, "--out", str(out)])
    assert done.exit_code == 0 and "SEX/Male" in done.output, done.output
    assert pl.read_csv(out).height > 8
    done = run(app, ["published", "meister", str(results), "--draws", "20"])
    assert done.exit_code == 0 and "gap" in done.output, done.output
    assert isinstance(run(app, ["published", "globalopinionqa", str(wave), *given]).exception, Exception)
    assert isinstance(run(app, ["published", "opinionqa", str(wave)]).exception, Exception)
