"""Fronts and trade-offs of a user's table by command, and their figures."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from populace.cli import app
from populace.errors import DataError
from populace.report.figures import front, front_of_run, weights
from populace.report.figures.demonstration_pluralism_front import drawn_front, trade_off_result


def told(*arguments: object) -> str:
    found = CliRunner().invoke(app, ["pluralism", *map(str, arguments)])
    if found.exception is not None:
        raise found.exception
    return " ".join(found.output.split())


@pytest.fixture
def table(tmp_path):
    """Three models on 20 questions: two on the front, one behind both."""
    rng = np.random.default_rng(0)
    rows = [
        (model, f"q{question}", name, round(mean + 0.1 * rng.normal(), 4), weight)
        for model, means, weight_of in (
            ("short", (0.9, 0.2), (1.0, 0.0)),
            ("long", (0.2, 0.9), (0.0, 1.0)),
            ("worse", (0.15, 0.15), (None, None)),
        )
        for question in range(20)
        for name, mean, weight in zip(("brief", "full"), means, weight_of, strict=True)
    ]
    path = tmp_path / "scores.csv"
    names = ["model", "question", "objective", "score", "weight"]
    pl.DataFrame(rows, schema=names, orient="row").write_csv(path)
    return path


def test_the_front_of_a_table(table, tmp_path):
    said = told("front", table, "--reference", "0,0", "--against", "worse", "--draws", 100)
    assert "2 of 3 models are dominated by none" in said and "hypervolume 0." in said
    assert "short against worse: " in said and "on 20 questions" in said
    out = tmp_path / "rows.csv"
    told("front", table, "--draws", 50, "--out", out)
    rows = pl.read_csv(out)
    assert dict(rows.select("model", "on_front").iter_rows()) == {"short": True, "long": True, "worse": False}
    assert rows["serves"].sum() == pytest.approx(1)
    # Of brief, less is better: then the long one beats the short, and the worse one is the least brief.
    said = told("front", table, "--less", "brief", "--draws", 50)
    assert "2 of 3" in said


def test_the_wide_form_and_means_without_questions(tmp_path):
    path = tmp_path / "board.csv"
    pl.DataFrame({"model": ["a", "b"], "math": [1.0, 2.0], "prose": [2.0, 1.0]}).write_csv(path)
    said = told("front", path, "--out", tmp_path / "front.svg")
    assert "no questions" in said and "50.0%" in said and (tmp_path / "front.svg").read_text()[:4] == "<svg"
    with pytest.raises(DataError, match="needs scores by question"):
        told("front", path, "--against", "a")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--less", "dull"], "no objective 'dull'"),
        (["--reference", "0"], "1 numbers for 2"),
        (["--reference", "x,y"], "no list of numbers"),
        (["--objective", "dull"], "no objective 'dull'"),
        (["--objective", "brief", "--objective", "brief"], "'brief' is taken twice"),
        (["--against", "nobody"], "no model 'nobody'"),
        (["--out", "rows.txt"], "as .csv, .svg or .png"),
    ],
)
def test_what_the_front_refuses(table, options, said):
    with pytest.raises(DataError, match=said):
        told("front", table, "--draws", 20, *options)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("w.csv", "model,question,o1,o2\na,q,1,2\na,r,1,x\nb,q,1,1\n", "row 2, column o2: 'x' is no"),
        ("w.csv", "model,question,o1,o2\na,q,1,2\na,q,1,3\n", "row 2: a, q, o1 comes twice"),
        ("w.csv", "model,question,o1,o2\na,q,1,2\n ,q,1,3\n", "row 2, column model: there is no model"),
        ("w.csv", "model,question,score,cost\na,q,1,2\nb,q,2,3\n", "column `score` and none `objective`"),
        ("w.csv", "model,question\na,q\nb,q\n", "no objective in it"),
        ("w.jsonl", '{"model": "a", "question": "q", "o": [1, 2]}\n', "column o: there are lists"),
        ("l.jsonl", '{"model": "a", "objective": "x", "score": {"y": 1}}\n', "column score: there are lists"),
    ],
)
def test_tables_that_cannot_be_read_say_where(tmp_path, name, text, said):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(DataError, match=said) as caught:
        told("front", path)
    assert caught.value.file == str(path)


def wide(path, values):
    rows = [
        {"model": f"m{model}", "question": f"q{question}"}
        | {f"o{at}": float(value) for at, value in enumerate(row)}
        for model, each in enumerate(values)
        for question, row in enumerate(each)
    ]
    pl.DataFrame(rows).write_csv(path)
    return path


def test_shares_are_left_out_with_a_line_and_ties_are_ties(tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "many.csv"
    said = told("front", wide(path, rng.random((3, 2, 9))), "--draws", 5)
    assert "serves: left out, shares of weights are found for 8" in said
    sphere = rng.random((10, 1, 8))
    sphere /= np.linalg.norm(sphere, axis=2, keepdims=True)
    assert "serves: left out, 10 points of 8" in told("front", wide(path, sphere), "--draws", 5)
    # The same scores in another order, and a third model: they tie on o0, and both serve what one would.
    a = np.array([[0.1, 0.5], [0.2, 0.5], [0.3, 0.5]])
    values = [a, a[[2, 1, 0]], a + np.array([0.5, -0.5])]
    told("front", wide(path, values), "--draws", 5, "--out", tmp_path / "out.csv")
    rows = pl.read_csv(tmp_path / "out.csv")
    assert rows["on_front"].to_list() == [True] * 3
    assert rows["serves"].to_list() == pytest.approx([0.5] * 3)
    said = told("front", wide(path, [a, a[[2, 1, 0]]]), "--draws", 5)
    assert "2 of 2 models" in said and "serves: left out, since all models are alike in o0, o1" in said


def test_questions_that_all_agree_need_bounds(tmp_path):
    path = wide(tmp_path / "sure.csv", [np.ones((10, 2)), np.zeros((10, 2))])
    said = told("front", path, "--against", "m1", "--draws", 5)
    assert "not settled" in said and "every question agrees on o0, o1: say --between" in said
    said = told("front", path, "--against", "m1", "--draws", 5, "--between", "0,1")
    assert "m0 against m1: improves" in said and "--between" not in said
    for bad, what in (("1,0", "does not rise"), ("0", "1 numbers for 2"), ("0,inf", "no finite number")):
        with pytest.raises(DataError, match=what):
            told("front", path, "--draws", 5, "--between", bad)


def test_steered_models_of_a_table(table):
    said = told("trade-off", table, "--base", "worse", "--draws", 100)
    assert (
        "ahead of that by 0." in said and "falls in 0.000" in said and "full, not asked for by short" in said
    )
    lists = table.with_suffix(".jsonl")
    lists.write_text('{"model": "a", "question": "q", "objective": "x", "score": 1, "weight": [1]}\n')
    with pytest.raises(DataError, match="column weight: there are lists"):
        told("trade-off", lists)
    scaled = told("trade-off", table, "--low", "0,0", "--high", "2,2", "--draws", 50)
    assert "objectives declared" in scaled
    for options, what in (
        (["--low", "0,0"], "two ends"),
        (["--low", "a,b", "--high", "1,1"], "no list of numbers"),
        (["--base", "nobody"], "no outcome 'nobody'"),
        (["--low", "0", "--high", "1"], "--low has 1 numbers for 2"),
        (["--low", "0,1", "--high", "1,1"], "--low and --high of full are both 1"),
        (["--low", "nan,0", "--high", "1,1"], "no finite number"),
        (
            ["--function", "geometric", "--low", "0.5,0.5", "--high", "1,1"],
            "cannot value .* on one question, q[0-9]+",
        ),
    ):
        with pytest.raises(DataError, match=what):
            told("trade-off", table, "--draws", 20, *options)
    rows = pl.read_csv(table)
    rows.with_columns(weight=pl.int_range(pl.len())).write_csv(table)
    with pytest.raises(DataError, match="two weights"):
        told("trade-off", table)
    rows.drop("weight").write_csv(table)
    with pytest.raises(DataError, match="no column `weight`"):
        told("trade-off", table)


def test_figures_of_fronts():
    chart = front_of_run(trade_off_result()).to_dict()
    names = [row["said"] for rows in chart["datasets"].values() for row in rows if "said" in row]
    assert {"plain", "linear 0/100", "linear 100/0"} <= set(names)
    steps = next(rows for rows in chart["datasets"].values() if rows and set(rows[0]) == {"x", "y", "at"})
    xs, ys = [row["x"] for row in steps], [row["y"] for row in steps]
    assert xs == sorted(xs) and ys == sorted(ys, reverse=True)
    assert len(weights(trade_off_result()).to_dict()["concat"]) == 2
    assert len(drawn_front(340).to_dict()["concat"]) == 3
    rows = pl.DataFrame({"label": ["a", "b"], "objective": ["x", "x"], "value": [1.0, 2.0]})
    with pytest.raises(DataError, match="two objectives"):
        front(rows)
    gap = pl.DataFrame({"label": ["a", "a", "b"], "objective": ["x", "y", "x"], "value": [1.0, 2.0, 3.0]})
    with pytest.raises(DataError, match="b has no y"):
        front(gap)
