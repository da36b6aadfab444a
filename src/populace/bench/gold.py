"""Answers that real people gave, read from the user's own file.

A row is one answer: `answer`; `question` (its text) or `prompt_id` (of the run's questions); and who gave it,
as `persona_id` (of the run's personas) or as attributes of the schema, one column each. People given by
attributes are personas of their own; those alike in all attributes are one.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import polars as pl

from populace.bench.task import Bench
from populace.canonical import content_hash
from populace.errors import DataError
from populace.personas.frames import complete, named
from populace.personas.persona import Persona
from populace.personas.schema import COLUMNS

__all__ = ["Gold", "read_gold"]


class Gold(NamedTuple):
    """People and what they answered."""

    personas: pl.DataFrame
    """Those who answered, as `Bench.personas` has them."""
    answers: pl.DataFrame
    """`persona_id`, `prompt_id`, `prompt`, `answer`: the first of each person and question."""


def read_gold(path: str | Path, bench: Bench) -> Gold:
    """Read answers of real people.

    Parameters
    ----------
    path
        A Parquet, JSONL or CSV file.
    bench
        Its personas and questions are those that ids name.

    Raises
    ------
    DataError
        If the file is missing or holds no answers, or a column or person is unknown.
    """
    rows = _rows(Path(path))
    if "answer" not in rows.columns or not {"question", "prompt_id"} & set(rows.columns):
        raise DataError(
            "answers need the columns `answer`, and `question` or `prompt_id`", file=path, fix="add them"
        )
    rows = rows.with_columns(pl.col("answer").cast(pl.String).str.strip_chars())
    rows = _questions(rows.filter(pl.col("answer").str.len_chars() > 0), bench, path)
    people, rows = _people(rows, bench, path)
    if rows.is_empty():
        raise DataError("there is no answer in it", file=path)
    answers = rows.select("persona_id", "prompt_id", "prompt", "answer")
    answers = answers.unique(["persona_id", "prompt_id"], keep="first", maintain_order=True)
    return Gold(people.filter(pl.col("persona_id").is_in(answers["persona_id"].unique().implode())), answers)


def _rows(path: Path) -> pl.DataFrame:
    readers = {".parquet": pl.read_parquet, ".jsonl": pl.read_ndjson, ".csv": pl.read_csv}
    reader = readers.get(path.suffix)
    if reader is None:
        fix = "give .parquet, .jsonl or .csv"
        raise DataError(f"answers cannot be read from {path.suffix or 'this'}", file=path, fix=fix)
    if not path.is_file():
        raise DataError("there is no such file of answers", file=path, fix="give a file that exists")
    try:
        return reader(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"these answers cannot be read ({error})", file=path) from error


def _questions(rows: pl.DataFrame, bench: Bench, path: str | Path) -> pl.DataFrame:
    if "question" in rows.columns:
        texts = rows["question"].cast(pl.String)
        if texts.null_count():
            row = int(texts.is_null().arg_true()[0]) + 1
            raise DataError("there is no question", file=path, row=row, column="question")
        known = dict(zip(bench.prompts["text"], bench.prompts["prompt_id"], strict=True))
        ids = [known.get(text) or content_hash(text) for text in texts]
        return rows.with_columns(pl.Series("prompt_id", ids, dtype=pl.String), texts.alias("prompt"))
    known = bench.prompts.select("prompt_id", pl.col("text").alias("prompt"))
    found = rows.join(known, on="prompt_id", how="left", maintain_order="left")
    _every(found, "prompt", "prompt_id", path, "give the questions that these answers are to with --prompts")
    return found


def _people(rows: pl.DataFrame, bench: Bench, path: str | Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    if "persona_id" in rows.columns:
        known = bench.personas.select("persona_id", pl.lit(True).alias("known"))
        found = rows.join(known, on="persona_id", how="left", maintain_order="left")
        _every(found, "known", "persona_id", path, "give the personas that answered with --personas")
        return bench.personas, rows
    given = [name for name in COLUMNS if name in rows.columns]
    if not given:
        raise DataError(
            "nothing says who answered", file=path, fix="add `persona_id`, or attributes of the schema"
        )
    people = complete(rows.select(given))
    ids = [Persona.from_row(row).persona_id for row in people.iter_rows(named=True)]
    return named(people), rows.with_columns(pl.Series("persona_id", ids, dtype=pl.String))


def _every(found: pl.DataFrame, wanted: str, column: str, path: str | Path, fix: str) -> None:
    missing = found[wanted].is_null().arg_true()
    if len(missing):
        row = int(missing[0])
        raise DataError(
            f"{found[column][row]!r} is unknown here", file=path, row=row + 1, column=column, fix=fix
        )
