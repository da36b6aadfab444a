"""The commands `map` and `slate`, and the picture, as a user meets them."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from populace.cli import app
from populace.errors import DataError
from populace.pluralism import bridging
from populace.report import draw
from populace.report.figures.demonstration_pluralism_bridging import STATEMENTS, opinion_map_chart, town_votes
from populace.report.figures.opinion_map import opinion_map


@pytest.fixture
def table(tmp_path):
    votes = town_votes()
    columns = {"person": [f"p{n}" for n in range(len(votes))]}
    columns |= {text: votes[:, n] for n, text in enumerate(STATEMENTS)}
    path = tmp_path / "votes.csv"
    pl.DataFrame(columns).with_columns(pl.col(STATEMENTS).fill_nan(None)).write_csv(path)
    return path


def run(*arguments):
    return CliRunner().invoke(app, ["pluralism", *map(str, arguments)])


def test_a_map_of_a_table(table, tmp_path):
    out, people = tmp_path / "map.svg", tmp_path / "people.csv"
    result = run("map", table, "--resamples", 5, "--nulls", 5, "--figure", out, "--people", people)
    assert result.exit_code == 0, result.output
    assert "240 people, 12 statements; 2 groups of" in result.output
    assert "What all groups agree on" in result.output and "Pavements should be cleared" in result.output
    assert out.read_text().startswith("<svg")
    written = pl.read_csv(people)
    assert written.columns == ["person", "x", "y", "group", "votes"] and written.height == 240
    again = run("map", table, "--resamples", 5, "--nulls", 5)
    assert again.output.splitlines()[:4] == result.output.splitlines()[:4]


def test_a_slate_of_a_table(table):
    result = run(
        "slate",
        table,
        "--size",
        3,
        "--rule",
        "pav,cc,bjr",
        "--threshold",
        1,
        "--check",
        "EJR+,BJR",
        "--exact",
    )
    assert result.exit_code == 0, result.output
    assert "pav, exact, gap 0.0%" in result.output and "bjr, greedy" in result.output
    assert "EJR+ holds" in result.output and "by slates that others chose (5 folds): " in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("map", "--groups", "two"), "is no list of numbers"),
        (("map", "--figure", "map.pdf"), "does not end in .svg or .png"),
        (("map", "--figure", "map.svg", "--groups", "2,8"), "cannot tell 8 groups apart"),
        (("slate", "--rule", "cc", "--check", "EJR+"), "nothing says which of them is an approval"),
        (("slate",), "nothing says which of them is an approval"),
        (("slate", "--threshold", 1, "--rule", "irv"), "is no rule for slates"),
        (("slate", "--threshold", 1, "--size", 99), "cannot be chosen from 12 options"),
    ],
)
def test_mistakes_are_told(table, arguments, message):
    result = run(arguments[0], table, *arguments[1:])
    assert result.exit_code != 0 and (message in str(result.exception) or message in result.output)


def test_ratings_from_a_file(tmp_path):
    path = tmp_path / "ratings.csv"
    path.write_text("person,weight,plain,kind\nann,2,5,2\nbo,1,,x\n")
    assert "'x' is no number" in str(run("slate", path).exception)
    path.write_text("person,weight,plain,kind\nann,2,5,2\nbo,1,,4\n")
    assert (
        "1. plain" in run("slate", path, "--size", 1, "--threshold", 4, "--rule", "av", "--folds", 2).output
    )


@pytest.mark.parametrize("width", [680, 340])
def test_the_picture_is_drawn(width):
    picture = draw.svg(opinion_map_chart(width))
    for text in (
        "What sets A apart",
        "What all groups agree on",
        "A (",
        "Parking in the centre should be free",
    ):
        assert text in picture


def test_a_map_of_other_people_is_refused():
    votes = town_votes()
    found = bridging.opinion_map(votes, resamples=0, nulls=0)
    with pytest.raises(DataError, match="the map is of 240 people"):
        opinion_map(found, votes[:9], STATEMENTS)
    noise = np.random.default_rng(0).choice([1.0, -1.0], size=(30, 8))
    doubted = bridging.opinion_map(noise, resamples=5, nulls=5)
    picture = draw.svg(opinion_map(doubted, noise, [f"s{n}" for n in range(8)], consensus=0))
    assert "Doubtful: " in picture and "What all groups agree on" not in picture


def test_one_file_runs_in_all_three_commands(tmp_path):
    """A row a rating, as `jury` reads it; people and options in the order of the file."""
    rng = np.random.default_rng(0)
    lines = [
        f"j{n},o{m},{1 if (n < 6) == (m < 4) else -1}"
        for n in range(12)
        for m in range(8)
        if rng.random() < 0.9
    ]
    path = tmp_path / "long.csv"
    path.write_text("juror,option,rating\n" + "\n".join(lines) + "\n")
    mapped = run("map", path, "--least", 4, "--resamples", 5, "--nulls", 5)
    assert "12 people, 8 statements; 2 groups of 6, 6" in mapped.output
    slate = run("slate", path, "--size", 2, "--threshold", 1)
    assert slate.exit_code == 0 and "JR holds" in slate.output
    assert run("jury", path, "--draws", 20).exit_code == 0


def test_few_people_and_no_threshold(tmp_path):
    path = tmp_path / "few.csv"
    path.write_text("person,a,b,c\nann,1,0,0\nbo,0,1,0\ncy,0,0,1\n")
    found = run("slate", path, "--size", 2)
    assert found.exit_code == 0 and "others chose (3 folds): " in found.output
    path.write_text("person,a,b\nann,1,0\n")
    assert run("slate", path, "--size", 1).exit_code == 0
    path.write_text("person,a,b,c\nann,5,1,2\nbo,4,2,1\ncy,1,5,3\ndi,1,4,2\n")
    graded = run("slate", path, "--size", 2, "--rule", "cc")
    assert graded.exit_code == 0 and "BJR holds" in graded.output
    assert "JR and EJR+ are not checked" in graded.output and "approve of one" not in graded.output


def test_options_keep_their_brackets(tmp_path):
    path = tmp_path / "marked.csv"
    path.write_text("person,[red]x,[/b]y\nann,1,0\nbo,1,1\n")
    assert "1. [red]x" in run("slate", path, "--size", 1).output


def test_more_groups_than_looks_are_not_drawn():
    votes = town_votes()
    found = bridging.opinion_map(votes, groups=6, resamples=0, nulls=0)
    with pytest.raises(DataError, match="cannot tell 6 groups apart"):
        opinion_map(found, votes, STATEMENTS)
