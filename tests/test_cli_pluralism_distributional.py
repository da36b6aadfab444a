"""`populace pluralism distributional` as it is typed."""

from __future__ import annotations

import polars as pl
import pytest
from typer.testing import CliRunner

from populace.cli import app
from populace.errors import PopulaceError

PEOPLE = """question,option,group,count,position
tax,up,old,30,1
tax,down,old,70,2
tax,up,young,50,1
tax,down,young,50,2
war,up,old,80,1
war,down,old,20,2
"""
MODEL = "question,option,probability\ntax,down,0.7\ntax,up,0.3\nwar,up,0.6\nwar,down,0.4\n"


@pytest.fixture
def files(tmp_path):
    (tmp_path / "people.csv").write_text(PEOPLE)
    (tmp_path / "model.csv").write_text(MODEL)
    return tmp_path


def run(files, *more: str):
    names = ["pluralism", "distributional", str(files / "people.csv"), str(files / "model.csv")]
    return CliRunner().invoke(app, [*names, "--draws", "50", *more])


def test_groups_and_baselines_are_printed_and_written(files):
    out = files / "scores.csv"
    found = run(files, "--metric", "tv", "--out", str(out))
    assert found.exit_code == 0, found.output
    for word in (
        "tv: sum |p - q| / 2",
        "mean of groups",
        "worst group",
        "old",
        "young",
        "(uniform)",
        "(sampling",
    ):
        assert word in found.output
    table = pl.read_csv(out)
    assert table.filter(group="old")["value"].item() == pytest.approx(0.1)  # 0 and .2
    assert table.filter(group="young")["value"].item() == pytest.approx(0.2)
    assert "baseline: uniform" in table["group"].to_list()


def test_questions_that_the_model_leaves_out_are_asked_about(files):
    (files / "model.csv").write_text(
        "question,option,share\ntax,down,0.7\ntax,up,0.3\npeace,a,1\npeace,b,0\n"
    )
    found = run(files)
    assert found.exit_code != 0 and "did not answer 'war'" in str(found.exception)
    for way, cells, word in (("uniform", 3, "counted as a guess"), ("leave_out", 2, "left out")):
        told = run(files, "--unanswered", way, "--metric", "tv")
        output = " ".join(told.output.split())
        assert told.exit_code == 0, told.output
        assert f"2 questions of people's; not answered by the model and {word}: 'war'" in output
        assert "questions of the model's that people's file lacks: 'peace'" in output
        assert f" {cells} worst group" in output


def test_conventions_are_listed():
    found = CliRunner().invoke(app, ["pluralism", "distributional", "a", "b", "--metric", "list"])
    assert found.exit_code == 0 and "modular_pluralism: sqrt(JS)" in found.output and "base e" in found.output


@pytest.mark.parametrize(
    ("more", "what"),
    [
        (("--metric", "jsd"), "there is no metric 'jsd'"),
        (("--metric", "roadmap", "--base", "e"), "has the base 2"),
        (("--base", "two"), "no base of a logarithm"),
        (("--metric", "global_opinion_qa"), "not confirmed"),
        (("--out", "scores.txt"), "not written as .txt"),
    ],
)
def test_what_means_nothing_is_refused(files, more, what):
    found = run(files, *more)
    assert found.exit_code != 0 and isinstance(found.exception, PopulaceError)
    assert what in str(found.exception)
