"""Reading prompts from files: what is taken over, what is dropped, and what is refused in which words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from populace.errors import DataError
from populace.prompts import SCHEMA, load, save, split_of
from populace.prompts.sources import TEXT_COLUMNS


def write_jsonl(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def conversation(number: int, opening: str) -> dict[str, Any]:
    """One row in the layout of PRISM's conversations.jsonl, cut to what identifies it."""
    return {
        "conversation_id": f"c{number}",
        "user_id": "user0",
        "conversation_type": "values guided",
        "opening_prompt": opening,
        "conversation_turns": 2,
        "conversation_history": [{"turn": 0, "role": "user", "content": opening}],
    }


def test_prism_conversations(tmp_path: Path) -> None:
    path = write_jsonl(
        tmp_path / "conversations.jsonl",
        conversation(0, "Is it fair to tip less at lunch?"),
        conversation(1, "  Hello "),
        conversation(2, "Hello"),
    )
    table = load(path)
    assert table.schema == SCHEMA
    assert table["text"].to_list() == ["Is it fair to tip less at lunch?", "Hello"]
    assert table["source"].to_list() == ["PRISM", "PRISM"]
    assert table["licence"].to_list() == ["CC BY 4.0", "CC BY 4.0"]
    assert table["split"].to_list() == [split_of(text) for text in table["text"]]
    assert load(path, column="opening_prompt").equals(table)
    assert table["topic"].null_count() == table["controversy"].null_count() == 2


@pytest.mark.parametrize("column", TEXT_COLUMNS)
@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_every_text_column_in_every_kind_of_file(tmp_path: Path, column: str, suffix: str) -> None:
    path = tmp_path / f"mine{suffix}"
    frame = pl.DataFrame({"other": ["x", "y"], column: ["Who pays, and why?", 'She said "no"?']})
    {".csv": frame.write_csv, ".jsonl": frame.write_ndjson, ".parquet": frame.write_parquet}[suffix](path)
    table = load(str(path))
    assert table["text"].to_list() == frame[column].to_list()
    assert table["source"].to_list() == [path.name] * 2
    assert table["licence"].null_count() == 2


def test_first_text_column_wins_and_a_named_one_wins_over_it(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "two.jsonl", {"question": "Why?", "prompt": "Who?", "dilemma": "How?"})
    assert load(path)["text"].to_list() == ["Who?"]
    assert load(path, column="dilemma")["text"].to_list() == ["How?"]


def test_our_columns_are_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "graded.csv"
    path.write_text(
        "text,topic,controversy,source,license,split\n"
        "Who pays?,Money,2,my survey,MIT,test\n"
        "Who cleans?,,,,,\n"
    )
    first, second = load(path).rows(named=True)
    assert list(first.values())[1:] == ["Who pays?", "Money", 2, "my survey", "MIT", "test"]
    assert list(second.values())[1:] == [
        "Who cleans?",
        None,
        None,
        "graded.csv",
        None,
        split_of("Who cleans?"),
    ]


def test_saved_prompts_come_back_as_they_were(tmp_path: Path) -> None:
    table = load("builtin").sample(50, seed=1)
    save(table, tmp_path / "deep" / "kept.parquet")
    assert load(tmp_path / "deep" / "kept.parquet").equals(table)


def test_same_text_in_two_unicode_forms_is_one_prompt(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "forms.jsonl", {"text": "Caf\u00e9?"}, {"text": "Cafe\u0301?"})
    assert load(path)["text"].to_list() == ["Caf\u00e9?"]


def test_blank_lines_count_as_rows_and_hold_nothing(tmp_path: Path) -> None:
    path = tmp_path / "gaps.jsonl"
    path.write_text('{"text": "Why?"}\n\n{"text": 3}\n')
    with pytest.raises(DataError) as caught:
        load(path)
    assert caught.value.row == 3


@pytest.mark.parametrize(
    ("name", "content", "what", "row", "column"),
    [
        ("a.txt", b"Why?", "kind of file is not known", None, None),
        ("a.csv", b"", "no rows", None, None),
        ("a.csv", b"text\n", "no rows", None, None),
        ("a.csv", b"id,answer\n1,yes\n", "no text column", None, None),
        ("a.csv", b"text,topic\nWhy?,x\nWho?\n", "1 values under 2 column names", 2, None),
        ("a.csv", b'text\nWhy?\n"Who?\nHow?\n', "broken CSV", 2, None),
        ("a.csv", b"text\nWhy\xff?\n", "not UTF-8", None, None),
        ("a.csv", b'text,topic\nWhy?,x\n" ",x\n', "text is empty", 2, "text"),
        ("a.csv", b"text,controversy\nWhy?,4\n", "expected a grade from 0 to 3, found '4'", 1, "controversy"),
        ("a.csv", b"text,controversy\nWhy?,high\n", "expected a grade", 1, "controversy"),
        ("a.csv", b"text,split\nWhy?,dev\n", "expected train or test, found 'dev'", 1, "split"),
        ("a.jsonl", b'{"text": "Why?"}\n{"text": "Wh\n', "not a JSON object", 2, None),
        ("a.jsonl", b'["Why?"]\n', "not a JSON object", 1, None),
        ("a.jsonl", b'{"text": "Why\xff?"}\n', "not a JSON object", 1, None),
        ("a.jsonl", b'{"text": ["Why?"]}\n', "expected a text", 1, "text"),
        ("a.jsonl", b'{"text": null}\n', "text is empty", 1, "text"),
        ("a.jsonl", b'{"text": "Why?"}\n{"prompt": "Who?"}\n', "no such column", 2, "text"),
        ("a.jsonl", b'{"text": "Why?", "topic": 7}\n', "expected a text, found 7", 1, "topic"),
        ("a.jsonl", b'{"text": "Why?", "controversy": true}\n', "expected a grade", 1, "controversy"),
        ("a.parquet", b"PAR1", "broken Parquet", None, None),
    ],
)
def test_bad_input(
    tmp_path: Path, name: str, content: bytes, what: str, row: int | None, column: str | None
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        load(path)
    error = caught.value
    assert what in error.what
    assert (error.file, error.row, error.column) == (str(path), row, column)
    assert error.fix


def test_parquet_column_of_another_type(tmp_path: Path) -> None:
    pl.DataFrame({"text": [1, 2]}).write_parquet(tmp_path / "a.parquet")
    with pytest.raises(DataError, match="expected a text, found 1"):
        load(tmp_path / "a.parquet")


def test_missing_file_and_missing_column(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        load(tmp_path / "none.csv")
    path = write_jsonl(tmp_path / "a.jsonl", {"text": "Why?"})
    with pytest.raises(DataError, match=r"column dilemma: there is no such column \(the columns are: text\)"):
        load(path, column="dilemma")


def test_prompts_are_saved_as_parquet_only(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Parquet"):
        save(load("builtin"), tmp_path / "a.csv")
    assert not list(tmp_path.iterdir())
