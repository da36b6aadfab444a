"""Pairs of answers, and people's verdicts about them, from Parquet files of the user's."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from populace.bench.task import Bench
from populace.bench.user_tables import with_ids
from populace.errors import DataError

__all__ = ["read_pairs", "read_people", "with_people"]

_PAIR = ("persona_id", "prompt_id", "prompt", "first", "second")
_SAID = ("persona_id", "prompt_id", "rater", "verdict")
_KEY = ("persona_id", "prompt_id")
_VERDICTS = ("first", "second", "tie")


def read_pairs(path: str | Path, bench: Bench) -> pl.DataFrame:
    """Read pairs of answers; the items of an earlier run of `agreement` will do.

    Returns
    -------
    polars.DataFrame
        `item_id`, `persona_id`, `prompt_id`, `prompt`, `first`, `second`; a row a pair,
        in the order of the file.

    Raises
    ------
    DataError
        If the file is no such table, no pair has both answers, a pair comes twice, or its persona takes no
        part.
    """
    table = with_ids(_read(path, _PAIR).select(_PAIR), _KEY).with_columns(
        pl.col("prompt", "first", "second").cast(pl.String).str.strip_chars().replace("", None)
    )
    # A run's items have pairs of which one answer failed; those cannot be judged.
    table = table.drop_nulls()
    _once(table, _KEY, path)
    strangers = table.join(bench.personas.select("persona_id"), on="persona_id", how="anti")
    if strangers.height:
        raise DataError(
            f"{strangers.height:,} pairs are of personas who take no part, such as {strangers[0, 0]}",
            file=path,
            column="persona_id",
            fix="give the --personas of that run, as many --people, and --all-ages if minors were among them",
        )
    if table.is_empty():
        raise DataError("there is no pair with both answers", file=path)
    return table.with_row_index("item_id").with_columns(pl.col("item_id").cast(pl.Int64))


def read_people(path: str | Path) -> pl.DataFrame:
    """Read people's verdicts: `persona_id`, `prompt_id`, `rater` and `verdict` (first, second, tie, or none).

    Raises
    ------
    DataError
        If the file is no such table, holds another verdict, or a rater judged a pair twice.
    """
    table = with_ids(_read(path, _SAID).select(_SAID), (*_KEY, "rater"))
    table = table.with_columns(pl.col("verdict").cast(pl.String)).with_row_index("row", offset=1)
    table = table.drop_nulls("verdict")
    strange = table.filter(~pl.col("verdict").is_in(_VERDICTS))
    if strange.height:
        raise DataError(
            f"the verdict {strange[0, 'verdict']!r} is none",
            file=path,
            row=strange[0, "row"],
            column="verdict",
            fix=f"write one of {', '.join(_VERDICTS)}, or leave it empty",
        )
    _once(table, (*_KEY, "rater"), path)
    return table.drop("row")


def with_people(items: pl.DataFrame, people: pl.DataFrame, *, file: str | Path) -> pl.DataFrame:
    """Join people's verdicts: all of them as `people`, and what most of them say as `by:people`.

    As many for the first as for the second is a tie; a pair that nobody judged is `unasked`.

    Raises
    ------
    DataError
        If none of them is about these items.
    """
    said = pl.col("verdict")
    first, second = (said == "first").sum(), (said == "second").sum()
    most = pl.when(first > second).then(pl.lit("first")).when(second > first).then(pl.lit("second"))
    by_pair = people.group_by(_KEY).agg(
        said.sort_by("rater").alias("people"), most.otherwise(pl.lit("tie")).alias("by:people")
    )
    found = items.join(by_pair, on=list(_KEY), how="left", maintain_order="left")
    if found["people"].null_count() == found.height:
        raise DataError(
            "none of these verdicts is about a pair of this run",
            file=file,
            fix="match its persona_id and prompt_id to the pairs'",
        )
    return found.with_columns(pl.col("by:people").fill_null("unasked"))


def _read(path: str | Path, wanted: tuple[str, ...]) -> pl.DataFrame:
    try:
        table = pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError("this is no Parquet file that can be read", file=path) from error
    missing = [name for name in wanted if name not in table.columns]
    if missing:
        raise DataError("a column is missing", file=path, column=missing[0], fix=f"give {', '.join(wanted)}")
    return table


def _once(table: pl.DataFrame, key: tuple[str, ...], path: str | Path) -> None:
    twice = table.filter(table.select(key).is_duplicated())
    if twice.height:
        what = ", ".join(f"{name} {twice[0, name]}" for name in key)
        raise DataError(f"{what} comes twice", file=path, fix="keep one of them")
