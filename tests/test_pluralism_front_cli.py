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
        (["--against", "nobody"], "no model 'nobody'"),
        (["--out", "rows.txt"], "as .csv, .svg or .png"),
    ],
)
def test_what_the_front_refuses(table, options, said):
    with pytest.raises(DataError, match=said):
        told("front", table, "--draws", 20, *options)


def test_steered_models_of_a_table(table):
    said = told("trade-off", table, "--base", "worse", "--draws", 100)
    assert (
        "ahead of that by 0." in said and "falls in 0.000" in said and "full, not asked for by short" in said
    )
    scaled = told("trade-off", table, "--low", "0,0", "--high", "2,2", "--draws", 50)
    assert "objectives declared" in scaled
    for options, what in (
        (["--low", "0,0"], "two ends"),
        (["--low", "a,b", "--high", "1,1"], "no list of numbers"),
        (["--base", "nobody"], "no outcome 'nobody'"),
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
