"""`populace prompts list` and `populace prompts filter`."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from populace.cli.prompts import app
from populace.errors import DataError
from populace.prompts import load

RUN = CliRunner(env={"COLUMNS": "160"})


def test_list_counts_topics_and_prints_texts() -> None:
    result = RUN.invoke(app, ["list", "--topic", "Abortion", "--split", "test"])
    assert result.exit_code == 0, result.output
    wanted = load("builtin").filter(topic="Abortion", split="test")
    assert wanted.height > 0
    for text in wanted["text"]:
        assert text[:40] in result.output
    # The row of the topic: prompts, then none, mild, contested, divisive, not graded, train, test.
    (line,) = (
        line for line in result.output.splitlines() if line.startswith("│ Abortion") and "?" not in line
    )
    counts = [int(cell) for cell in line.strip("│").split("│")[1:]]
    grades = [wanted["controversy"].eq(grade).sum() for grade in range(4)]
    assert counts == [wanted.height, *grades, 0, 0, wanted.height]


def test_list_can_keep_texts_back() -> None:
    output = RUN.invoke(app, ["list", "--show", "0"]).output
    assert "400" in output
    assert "?" not in output


def test_list_prints_brackets_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text\nIs [bold] markup [/nothing] here?\n")
    result = RUN.invoke(app, ["list", "--source", str(tmp_path / "a.csv")])
    assert "Is [bold] markup [/nothing] here?" in result.output


def test_filter_prints_what_each_filter_removed_and_writes_the_rest(tmp_path: Path) -> None:
    source, out = tmp_path / "in.csv", tmp_path / "kept.parquet"
    source.write_text("q\nHello\nWhy me?\nShould guns be sold online?\nWhen does the bank open?\n")
    result = RUN.invoke(
        app, ["filter", str(source), "--out", str(out), "--column", "q", "--min-controversy", "2"]
    )
    assert result.exit_code == 0, result.output
    assert load(out)["text"].to_list() == ["Should guns be sold online?"]
    cells = [line.strip("│").split("│") for line in result.output.splitlines() if line.startswith("│")]
    assert [[cell.strip() for cell in row] for row in cells] == [
        ["question mark", "1", "3"],
        ["at least 5 words", "1", "2"],
        ["controversy at least 2", "1", "1"],
    ]
    assert "2 ungraded prompts" in result.output
    assert "Kept 1 of 4" in result.output


def test_a_bad_file_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text("{")
    result = RUN.invoke(app, ["filter", str(tmp_path / "in.jsonl"), "--out", str(tmp_path / "kept.parquet")])
    assert isinstance(result.exception, DataError)
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


@pytest.mark.parametrize("arguments", [["list", "--split", "dev"], ["filter", "builtin"]])
def test_wrong_usage(arguments: list[str]) -> None:
    assert RUN.invoke(app, arguments).exit_code == 2
