"""Answers that real people gave, read from the user's own file.

A row is one answer: `answer`; `question` (its text) or `prompt_id` (of the run's questions); and who gave it:

- `persona_id`, one of the run's personas; or
- attributes of the schema, one column each, and `person_id` where people answered more than one question.
  Without a `person_id` every row is a person of its own. Two people are two, also where all that is known of
  them is the same.

What is left out is counted: answers without a word, second answers of one person to one question, and those
of people of whom nothing is known.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import polars as pl

from populace.bench.task import Bench
from populace.bench.user_tables import attributes_in, read_table, with_ids
from populace.canonical import content_hash
from populace.errors import DataError
from populace.personas.frames import complete
from populace.personas.naming import persona_ids
from populace.personas.schema import COLUMNS

__all__ = ["Gold", "read_gold"]

_IDS = ("persona_id", "prompt_id", "person_id")
_WANTED = {*_IDS, "question", "answer", *COLUMNS}
_ROW = "row"
"""Column of the place of a row in the file, from 0."""


class Gold(NamedTuple):
    """People and what they answered."""

    personas: pl.DataFrame
    """Those who answered, as `Bench.personas` has them."""
    answers: pl.DataFrame
    """`persona_id`, `prompt_id`, `prompt`, `answer`: the first of each person and question."""
    left_out: dict[str, int]
    """Rows that are not among the answers, by why."""
    by: str
    """What a person is: `persona_id`, `person_id` or `row`."""

    @property
    def told(self) -> str:
        """Say how many answered, and what was left out."""
        text = f"{self.answers.height:,} answers of {self.personas.height:,} people"
        left = ", ".join(f"{count:,} {why}" for why, count in self.left_out.items() if count)
        text += f"; left out: {left}" if left else "; none left out"
        if self.by == "row":
            text += " (each row is taken for another person: add person_id if it is not)"
        return text


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
        If the file is missing or holds no answers, a column, a question or a person is unknown, an attribute
        is not allowed, or two rows of one person differ in an attribute.
    """
    rows = with_ids(read_table(path, "answers"), _IDS)
    # Columns of other names are no matter of ours, whatever they are called.
    rows = rows.select(name for name in rows.columns if name in _WANTED).with_row_index(_ROW)
    if "answer" not in rows.columns or not {"question", "prompt_id"} & set(rows.columns):
        raise DataError(
            "answers need the columns `answer`, and `question` or `prompt_id`", file=path, fix="add them"
        )
    rows = rows.with_columns(pl.col("answer").cast(pl.String).str.strip_chars())
    said = rows.filter(pl.col("answer").str.len_chars() > 0)
    people, known, by = _people(rows, said, bench, path)
    known = _questions(known, bench, path)
    answers = known.unique(["persona_id", "prompt_id"], keep="first", maintain_order=True)
    if answers.is_empty():
        raise DataError("there is no answer in it", file=path)
    left_out = {
        "without a word": rows.height - said.height,
        "of people of whom nothing is known": said.height - known.height,
        "second answers to a question": known.height - answers.height,
    }
    answers = answers.select("persona_id", "prompt_id", "prompt", "answer")
    those = people.filter(pl.col("persona_id").is_in(answers["persona_id"].unique().implode()))
    return Gold(those, answers, left_out, by)


def _questions(rows: pl.DataFrame, bench: Bench, path: str | Path) -> pl.DataFrame:
    if "question" in rows.columns:
        texts = rows["question"].cast(pl.String).str.strip_chars().replace("", None)
        if texts.null_count():
            row = int(rows[_ROW][int(texts.is_null().arg_true()[0])]) + 1
            raise DataError("there is no question", file=path, row=row, column="question")
        known = dict(zip(bench.prompts["text"], bench.prompts["prompt_id"], strict=True))
        ids = [known.get(text) or content_hash(text) for text in texts]
        return rows.with_columns(pl.Series("prompt_id", ids, dtype=pl.String), texts.alias("prompt"))
    known = bench.prompts.select("prompt_id", pl.col("text").alias("prompt"))
    found = rows.join(known, on="prompt_id", how="left", maintain_order="left")
    _every(found, "prompt", "prompt_id", path, "give the questions that these answers are to with --prompts")
    return found


def _people(
    rows: pl.DataFrame, said: pl.DataFrame, bench: Bench, path: str | Path
) -> tuple[pl.DataFrame, pl.DataFrame, str]:
    """Give everybody, the answers with the `persona_id` of who gave them, and what tells people apart."""
    if "persona_id" in rows.columns:
        known = bench.personas.select("persona_id", pl.lit(True).alias("known"))
        found = said.join(known, on="persona_id", how="left", maintain_order="left")
        fix = "give the personas that answered with --personas, all of them with --people and --all-ages"
        _every(found, "known", "persona_id", path, fix)
        return bench.personas, found, "persona_id"
    # The whole file is checked, so that rows are counted as they stand in it.
    people = attributes_in(rows, path)
    if not people.width:
        raise DataError(
            "nothing says who answered", file=path, fix="add `persona_id`, or attributes of the schema"
        )
    by = "person_id" if "person_id" in rows.columns else "row"
    if by == "person_id":
        people = _whole(people, rows["person_id"], path)
    else:
        people = people.with_columns(pl.format("row {}", rows[_ROW] + 1).alias("person_id"))
    people = complete(people)
    # A persona's name is what it says; two people of whom the same is known are two all the same.
    ids = [content_hash(list(both)) for both in zip(persona_ids(people), people["person_id"], strict=True)]
    people = people.with_columns(pl.Series("persona_id", ids, dtype=pl.String))
    told = people.select(pl.any_horizontal(pl.col(COLUMNS).is_not_null())).to_series()
    found = rows.with_columns(people["persona_id"]).filter(told & (rows["answer"].str.len_chars() > 0))
    return people.filter(told).unique("persona_id", keep="first", maintain_order=True), found, by


def _whole(people: pl.DataFrame, ids: pl.Series, path: str | Path) -> pl.DataFrame:
    """Put together what the rows of each person say of them; refuse what contradicts itself."""
    if ids.null_count():
        row = int(ids.is_null().arg_true()[0]) + 1
        raise DataError("nobody is named", file=path, row=row, column="person_id", fix="name everybody")
    people = people.with_columns(ids)
    names = [name for name in people.columns if name != "person_id"]
    one = pl.col(names).drop_nulls().first().over("person_id")
    joined = people.with_columns(one)
    for name in names:
        unlike = (people[name].is_not_null() & (people[name] != joined[name])).fill_null(False).arg_true()
        if len(unlike):
            row = int(unlike[0])
            raise DataError(
                f"{people[name][row]!r}, and {joined[name][row]!r} in an earlier row of {ids[row]}",
                file=path,
                row=row + 1,
                column=name,
                fix="make a person's rows say the same",
            )
    return joined


def _every(found: pl.DataFrame, wanted: str, column: str, path: str | Path, fix: str) -> None:
    missing = found[wanted].is_null().arg_true()
    if len(missing):
        place = int(missing[0])
        raise DataError(
            f"{found[column][place]!r} is unknown here",
            file=path,
            row=int(found[_ROW][place]) + 1,
            column=column,
            fix=fix,
        )
