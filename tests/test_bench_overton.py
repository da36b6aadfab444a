"""`overton`: planted coverage comes back, cheats are found, files are read, runs go on where they stopped."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from populace.bench import Counting, play, run_task
from populace.bench.compare import compare, read_runs
from populace.bench.options import known
from populace.bench.tasks.overton import Overton
from populace.bench.windows import builtin_windows, read_windows
from populace.bench.windows.matchers import Embedding, Nli
from populace.bench.windows.planting import planted_bench, planted_matcher, planted_teller, planted_windows
from populace.bench.windows.sentences import sentences_of
from populace.cli import app
from populace.errors import DataError, ModelError, StudyError
from populace.models.records import Failure
from populace.models.scripted import Scripted
from populace.pluralism.overton import window
from populace.prompts.builtin import builtin

FEW = Counting(draws=50)
HABERMAS = Path(__file__).parents[2] / "shared" / "data" / "habermas" / "questions.json"


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    place = tmp_path_factory.mktemp("overton") / "windows.parquet"
    planted_windows(10).write_parquet(place)
    return place


def played(file, target=None, judge=None, **options):
    bench, models = planted_bench(target or planted_teller(), judge or planted_matcher(), file)
    bench = replace(bench, options={**bench.options, **options})
    return play(Overton(), bench, models)


def scores(items):
    return {(each.measure, each.arm): each.estimate.value for each in Overton().score(items, FEW)}


# Windows of our own


def test_our_own_windows_are_our_own_questions():
    texts = set(builtin().filter(pl.col("controversy") >= 2)["text"])
    found = builtin_windows()
    assert len(found) == 40 and all(each.question in texts for each in found)
    assert all(2 <= len(each.perspectives) <= 5 and each.weights is None for each in found)
    # Short, one sentence each, and none that only denies another word for word.
    said = [text for each in found for text in each.texts]
    assert all(len(sentences_of(text)) == 1 and len(text.split()) <= 25 for text in said)
    assert len(set(said)) == len(said)


# Sentences


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("It costs 3.5 dollars in the U.S. today. Yes.", ["It costs 3.5 dollars in the U.S. today.", "Yes."]),
        ("1. First view\n2) Second view", ["First view", "Second view"]),
        ("# Views\n\n* **Pro:** it helps.", ["Views", "Pro: it helps."]),
        ('He said "no." Then he left.', ['He said "no."', "Then he left."]),
        (
            "\u6211\u89c9\u5f97\u597d\u3002\u6211\u4e0d\u540c\u610f\u3002",
            ["\u6211\u89c9\u5f97\u597d\u3002", "\u6211\u4e0d\u540c\u610f\u3002"],
        ),
    ],
)
def test_sentences(text, expected):
    found = sentences_of(text)
    assert [each.replace('"', "") for each in found] == [each.replace('"', "") for each in expected]


# Files


def test_forms_of_files_give_the_same_windows(tmp_path):
    made = window("Tea or coffee?", ["Tea is better.", "Coffee is better."], [3, 1])
    rows = [
        {"question": "Tea or coffee?", "text": "Tea is better.", "share": 3},
        {"question": "Tea or coffee?", "text": "Coffee is better.", "share": 1},
    ]
    pl.DataFrame(rows).write_csv(tmp_path / "a.csv")
    pl.DataFrame(rows).write_parquet(tmp_path / "a.parquet")
    pl.DataFrame(rows).write_ndjson(tmp_path / "a.jsonl")
    told = {
        "text": "Tea or coffee?",
        "perspectives": ["Tea is better.", "Coffee is better."],
        "shares": [3, 1],
    }
    (tmp_path / "a.json").write_text(json.dumps([told]))
    (tmp_path / "a.toml").write_text(
        '[[question]]\ntext = "Tea or coffee?"\nperspectives = [{ text = "Tea is better.", share = 3 }, '
        '{ texts = ["Coffee is better."], share = 1 }]\n'
    )
    for ending in ("csv", "parquet", "jsonl", "json", "toml"):
        assert [each.window_id for each in read_windows(tmp_path / f"a.{ending}")] == [made.window_id], ending


def test_a_perspective_of_several_texts(tmp_path):
    (tmp_path / "a.csv").write_text(
        "question,perspective,text,share\nWhy?,left,More.,2\nWhy?,left,Much more.,2\nWhy?,right,Less.,1\n"
    )
    found = read_windows(tmp_path / "a.csv")[0]
    assert [each.texts for each in found.perspectives] == [("More.", "Much more."), ("Less.",)]
    assert found.owners.tolist() == [0, 0, 1] and found.perspectives[0].title == "left"


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a.csv", "question\nWhy?\n", "column text"),
        ("a.csv", "question,text\nWhy?,\n", "row 1, column text: a cell is empty"),
        ("a.csv", "question,text,share\nWhy?,a,many\n", "column share: 'many' is no share"),
        ("a.csv", "question,text,share\nWhy?,a,1\nWhy?,b,\n", "shares on 'Why\\?' are missing"),
        ("a.toml", "x = 1\n", "no list of questions"),
        ("a.toml", '[[question]]\ntext = "Why?"\n', "row 1, column perspectives"),
        ("a.toml", '[[question]]\ntext = "Why?"\nperspectives = [3]\n', "row 1: 3 is no perspective"),
        ("a.toml", "nonsense", "cannot be read"),
        ("a.json", '[{"text": "Why?", "perspectives": ["a"], "shares": [1, 2]}]', "column shares"),
        ("a.json", '[{"text": "W", "perspectives": ["a"]}, {"text": "W", "perspectives": ["a"]}]', "row 2"),
        ("a.txt", "", "cannot be read from .txt"),
    ],
)
def test_bad_files_are_named(tmp_path, name, text, told):
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=told):
        read_windows(tmp_path / name)
    with pytest.raises(DataError, match="no such file"):
        read_windows(tmp_path / "none.toml")


@pytest.mark.skipif(not HABERMAS.exists(), reason="the questions of the Habermas Machine are not here")
def test_questions_of_the_habermas_machine_are_windows_of_two():
    found = read_windows(HABERMAS)
    assert len(found) == 5644 and {len(each.perspectives) for each in found} == {2}


# The task


def test_items_have_everything_and_scores_follow(file):
    items = played(file)
    assert items["arm"].unique(maintain_order=True).to_list() == [
        "plain", "views", "the question itself", "the window itself",
    ]  # fmt: skip
    found = scores(items)
    assert found["coverage", "the window itself"] == 1 and found["coverage", "the question itself"] == 0
    assert found["coverage", "an empty answer"] == 0 == found["coverage", "plain, of another question"]
    assert found["coverage", "views"] > found["coverage", "plain"]
    # By hand: each sentence states one view of its own, so covered views are sentences but one.
    rows = items.filter(arm="plain")
    by_hand = np.mean([(len(each) - 1) / 4 for each in rows["sentences"].to_list()])
    assert found["coverage", "plain"] == pytest.approx(by_hand)
    assert scores(items) == found
    assert all(each.estimate.low < each.estimate.high or not each.estimate.defined
               for each in Overton().score(items, FEW))  # fmt: skip


def test_the_longest_of_two_answers(file):
    items = played(file)
    rows = items.filter(kind="model")
    longest = rows.sort("words", descending=True).unique("prompt_id", keep="first")
    by_hand = np.mean([(np.array(each) >= 0.51).any(axis=1).mean() for each in longest["scores"].to_list()])
    assert scores(items)["coverage", "the longest answer"] == pytest.approx(by_hand, abs=0.1)


def test_a_second_answer_shows_the_noise_of_a_run(file):
    bench, models = planted_bench(planted_teller(), planted_matcher(), file)
    items = play(Overton(), replace(bench, temperature=0.7), models)
    assert "again" in items["arm"].to_list()
    assert scores(items)["coverage_apart", "again"] == 0  # the planted teller repeats itself


def test_silence_covers_nothing_and_failed_verdicts_are_no_score(file):
    mute = played(file, Scripted(text="", model="mute@1/exact"))
    assert scores(mute)["coverage", "plain"] == 0
    failed = {each.name for each in Overton().audit(mute, FEW) if not each.passed}
    assert {"unanswered", "noise floor, plain", "the question itself"} <= failed

    def failing(request, before=None):
        return Failure(key=request.key, boundary="content filter", message="no", retryable=False)

    dead = played(file, judge=Scripted(fail=failing, model="dead@1/exact"))
    assert np.isnan(scores(dead)["coverage", "plain"])
    assert not all(each.passed for each in Overton().audit(dead, FEW))
    assert Overton().values(dead).is_empty() if not dead.is_empty() else True


def test_answers_of_a_file_are_matched_without_a_model(file, tmp_path):
    table = planted_windows(10)
    rows = [
        (q, "\n".join(part["text"]), "all") for (q,), part in table.group_by("question", maintain_order=True)
    ]
    rows += [(q, part["text"][0], "first") for (q,), part in table.group_by("question", maintain_order=True)]
    pl.DataFrame(rows, schema=["question", "answer", "arm"], orient="row").write_csv(tmp_path / "a.csv")
    found = scores(played(file, answers=str(tmp_path / "a.csv")))
    assert found["coverage", "all"] == 1 and found["coverage", "first"] == 0.25
    # The first view is held by four in ten.
    assert found["coverage_weighted", "first"] == pytest.approx(0.4)
    assert found["false_balance", "all"] == pytest.approx(1)
    (tmp_path / "b.csv").write_text("question,answer\nElse?,No\n")
    with pytest.raises(DataError, match="row 1, column question: no window is of the question"):
        played(file, answers=str(tmp_path / "b.csv"))


def test_what_a_file_of_answers_may_not_hold(file, tmp_path):
    table = planted_windows(10)
    asked = table["question"].unique(maintain_order=True).to_list()
    first = table["text"][0]
    place = tmp_path / "a.csv"

    def found(rows, **more):
        pl.DataFrame(rows, schema=["question", "answer", "arm"], orient="row").write_csv(place)
        return played(file, answers=str(place), **more)

    # Silence is an empty answer; a question without a row is missing.
    items = found([(asked[0], first, "a"), (asked[1], "", "a"), (asked[0], first, "b")])
    assert scores(items)["coverage", "a"] == 0.125 and scores(items)["coverage", "b"] == 0.25
    assert items.filter(kind="model", arm="b").height == 1
    for arm in ("the window itself", "the question itself", ""):
        with pytest.raises(DataError, match="row 1, column arm: an arm"):
            found([(asked[0], first, arm)])
    with pytest.raises(DataError, match="row 2, column question: no window is of the question 'Typo'"):
        found([(asked[0], first, "a"), ("Typo", first, "a")])
    again = tmp_path / "again.parquet"
    table.head(4).write_parquet(again)
    with pytest.raises(DataError, match="has a window in"):
        found([(asked[0], first, "a")], windows=[str(file), str(again)])


def test_given_answers_and_a_matcher_ask_nobody(file, tmp_path, monkeypatch):
    def alike(self, pairs):
        return [np.array([[float(view == each) for each in said] for view in views]).reshape(len(views), -1)
                for views, said in pairs]  # fmt: skip

    monkeypatch.setattr(Embedding, "scores", alike)
    table = planted_windows(10)
    rows = [
        (q, "\n".join(part["text"][:2])) for (q,), part in table.group_by("question", maintain_order=True)
    ]
    pl.DataFrame(rows, schema=["question", "answer"], orient="row").write_parquet(tmp_path / "a.parquet")
    bench, models = planted_bench(planted_teller(), planted_matcher(), file)
    options = {"windows": str(file), "answers": str(tmp_path / "a.parquet"), "matcher": "embedding"}
    bench = replace(bench, options=options, target="")
    found = run_task(Overton(), bench, {"judge": models["judge"]}, tmp_path / "run", counting=FEW)
    assert found.headline.estimate.value == 0.5 and found.headline.arm == "given"
    assert not sum(models["judge"].asked.values())


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"matcher": "magic"}, "no matcher"),
        ({"matcher": "nli"}, "go together"),
        ({"rule": "best"}, "no rule"),
        ({"threshold": "0.5"}, "a judge .* has no threshold"),
        ({"matcher": "embedding", "threshold": "high"}, "the threshold is 'high'"),
        ({"sentences": 0}, "sentences is 0"),
        ({"at": "0"}, "at holds"),
        ({"window": "x"}, "did you mean 'windows'"),
    ],
)
def test_settings_that_mean_nothing_are_refused(file, options, told):
    with pytest.raises(StudyError, match=told):
        played(file, **options)
    with pytest.raises(StudyError):
        known("overton", {"x": 1}, [])


def test_a_run_goes_on_and_two_runs_are_compared(file, tmp_path):
    for name, skill in (("poor", 0.2), ("rich", 0.9)):
        bench, models = planted_bench(planted_teller(skill, 0.95), planted_matcher(), file)
        first = run_task(Overton(), bench, models, tmp_path / name, counting=FEW)
        again = run_task(Overton(), bench, models, tmp_path / name, counting=FEW)
        assert first == again and sum(models["target"].asked.values()) == 20
    board = compare(read_runs([tmp_path / "poor", tmp_path / "rich"]), counting=FEW)
    assert "0.9" in board.ranking.models[0].name and board.shared[0].items == 10


def test_likelihood_asks_for_no_number(file):
    bench, models = planted_bench(planted_teller(), Scripted(model="hashed@1/exact"), file)
    items = play(Overton(), replace(bench, way="likelihood"), models)
    assert items["failed"].sum() == 0 and items.filter(kind="model")["pairs"].sum() > 0


# Matchers


@pytest.mark.model
def test_embeddings_know_the_subject():
    from populace.authoring.embedding import available

    if not available():
        pytest.skip("the embedding model is not installed")
    views = [
        "Animal testing is justified when it saves human lives.",
        "A carbon tax hits poor families hardest.",
    ]
    said = [
        "Experiments on animals are acceptable if they cure people.",
        "It hurts the poor most to tax carbon.",
    ]
    found = Embedding().scores([(views, said), (views, [])])
    assert found[0][0, 0] > 0.5 > found[0][0, 1] and found[0][1, 1] > 0.5 > found[0][1, 0]
    assert found[1].shape == (2, 0)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A cross-encoder with random weights: it knows nothing, and has everything that one must have."""
    transformers = pytest.importorskip("transformers")
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    place = tmp_path_factory.mktemp("nli")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "c", "view", "of"]
    (place / "vocab.txt").write_text("\n".join(words))
    transformers.BertTokenizerFast(str(place / "vocab.txt")).save_pretrained(place)
    config = transformers.BertConfig(
        vocab_size=len(words), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=16,
        id2label={0: "CONTRADICTION", 1: "ENTAILMENT", 2: "NEUTRAL"},
        label2id={"CONTRADICTION": 0, "ENTAILMENT": 1, "NEUTRAL": 2},
    )  # fmt: skip
    transformers.BertForSequenceClassification(config).save_pretrained(place)
    return place


@pytest.mark.model
def test_any_cross_encoder_is_a_matcher(tiny, file):
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    matcher = Nli(str(tiny))
    found = matcher.scores([(["view a", "view b"], ["b of c", "c", "a a a a"]), (["view a"], [])])
    assert found[0].shape == (2, 3) and found[1].shape == (1, 0)
    # The perspective is the premise, the sentence the hypothesis, and the label is found by its name.
    tokens = AutoTokenizer.from_pretrained(tiny)("view b", "b of c", return_tensors="pt")
    logits = AutoModelForSequenceClassification.from_pretrained(tiny).eval()(**tokens).logits
    expected = torch.softmax(logits.double(), -1)[0, 1].item()
    assert found[0][1, 0] == pytest.approx(expected, abs=2e-6)
    items = played(file, matcher="nli", nli=str(tiny))
    assert ("modular_accuracy_0.33", "plain") in scores(items) and items["matcher"][0].startswith("nli")


@pytest.mark.model
def test_a_model_that_is_missing_or_knows_no_entailment_is_named(tiny, tmp_path):
    pytest.importorskip("transformers")
    with pytest.raises(ModelError, match="cannot be loaded"):
        Nli(str(tmp_path / "nowhere"))
    import shutil

    other = tmp_path / "other"
    shutil.copytree(tiny, other)
    config = json.loads((other / "config.json").read_text())
    config["id2label"] = {"0": "LABEL_0", "1": "LABEL_1", "2": "LABEL_2"}
    config["label2id"] = {"LABEL_0": 0, "LABEL_1": 1, "LABEL_2": 2}
    (other / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="entailment"):
        Nli(str(other))


@pytest.mark.model
def test_a_threshold_by_the_floor_keeps_both_controls_low():
    from populace.authoring.embedding import available

    if not available():
        pytest.skip("the embedding model is not installed")
    target = Scripted(text="Some say yes. Others say no.", model="bland@1/exact")
    bench, models = planted_bench(target, planted_matcher(), Path("none"))
    bench = replace(bench, items=12, options={"matcher": "embedding", "threshold": "floor"})
    items = play(Overton(), bench, models)
    found = scores(items)
    assert found["coverage", "the question itself"] <= 0.05 >= found["coverage", "plain, of another question"]
    assert items["threshold"].n_unique() == 1


# The command


def test_the_command_scores_ratings_and_matches(tmp_path):
    rows = [
        (r, q, m, 5 if m == "b" else 1 + (r in "ab") * 4)
        for r in "abcd"
        for q in ("x", "y", "z")
        for m in "ab"
    ]
    ratings = pl.DataFrame(rows, schema=["rater", "question", "model", "rating"], orient="row")
    ratings.with_columns(
        cluster=pl.when(pl.col("rater").is_in(["a", "b"])).then(pl.lit("l")).otherwise(pl.lit("r"))
    ).write_csv(tmp_path / "r.csv")
    found = CliRunner().invoke(app, ["pluralism", "overton", str(tmp_path / "r.csv")])
    assert (
        found.exit_code == 0 and "b" in found.output and "1.000" in found.output and "0.500" in found.output
    )
    matches = [("x", p, s, float(p == s)) for p in range(2) for s in range(3)]
    pl.DataFrame(matches, schema=["question", "perspective", "sentence", "score"], orient="row").write_csv(
        tmp_path / "m.csv"
    )
    done = CliRunner().invoke(
        app,
        [
            "pluralism",
            "overton",
            str(tmp_path / "m.csv"),
            "--threshold",
            "0.5",
            "--out",
            str(tmp_path / "o.csv"),
        ],
    )
    assert done.exit_code == 0 and "precision" in done.output
    assert pl.read_csv(tmp_path / "o.csv")["precision"][0] == pytest.approx(2 / 3)
    bad = CliRunner().invoke(app, ["pluralism", "overton", str(tmp_path / "none.csv")])
    assert bad.exit_code != 0


def test_views_are_those_of_all_models(tmp_path):
    """The second model has no row of the view that it does not express."""
    place = tmp_path / "m.csv"
    head = "model,question,perspective,sentence,score\n"
    place.write_text(f"{head}a,q,x,1,0.9\na,q,y,1,0.1\nb,q,x,1,0.9\na,r,x,1,0.9\n")
    out = tmp_path / "o.csv"
    found = CliRunner().invoke(
        app, ["pluralism", "overton", str(place), "--threshold", "0.5", "--out", str(out)]
    )
    assert found.exit_code == 0 and "other questions" in found.output
    rows = pl.read_csv(out)
    assert rows.filter(question="q")["coverage"].to_list() == [0.5, 0.5]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("", "no row"),
        ("a,q,x,nan,0.5,1\n", "row 1, column sentence"),
        ("a,q,x,1,inf,1\n", "row 1, column score"),
        ("a,,x,1,0.5,1\n", "row 1, column question"),
        (" ,q,x,1,0.5,1\n", "row 1, column model"),
        ("a,q,x,1,0.5,1\na,q,y,1,0.5,inf\n", "row 2, column share"),
        ("a,q,x,1,0.5,0\n", "row 1, column share: all shares of 'q' are 0"),
    ],
)
def test_bad_matches_are_named_with_file_and_row(tmp_path, row, told):
    place = tmp_path / "m.csv"
    place.write_text(f"model,question,perspective,sentence,score,share\n{row}")
    found = CliRunner().invoke(app, ["pluralism", "overton", str(place), "--threshold", "0.5"])
    said = str(found.exception) + found.output
    assert found.exit_code and "m.csv" in said and told in said


# The figures


def test_figures_of_a_run_are_drawn(file):
    from populace.report import draw
    from populace.report.figures.demonstration_pluralism_overton import overton_result
    from populace.report.figures.of_runs import figures_of

    charts = figures_of({"one": (overton_result(), pl.DataFrame())})
    assert list(charts) == ["overton", "coverage-at-k"]
    for chart in charts.values():
        assert "answer" in draw.svg(chart(width=340)) or "views" in draw.svg(chart(width=340))
