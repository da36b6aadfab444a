"""A Hugging Face dataset folder: Parquet by split, the personas, and a card."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from populace.atomic import atomic_path, write_atomic
from populace.errors import DataError
from populace.feedback.card import dataset_card
from populace.feedback.forms import Written
from populace.feedback.whole import ROW_GROUP, whole_folder

__all__ = ["SPLITS", "with_splits", "write_hf"]

SPLITS = ("train", "test", "held_out")
"""Splits of a data set, in order; `held_out` is tested on and its question trains nowhere."""

SHARD = 100_000
"""Rows of one file."""
_OURS = re.compile(r"(data|personas)/(train|test|held_out)-\d{5}-of-\d{5}\.parquet")


def write_hf(
    folder: Path,
    table: pl.DataFrame,
    personas: pl.DataFrame,
    splits: Mapping[str, str],
    facts: Mapping[str, str],
) -> Written:
    """Write the folder, whole or not at all; `datasets.load_dataset(folder)` reads it.

    Parameters
    ----------
    folder
        Created if missing. In one that stands already (a clone of a repository) data files and card are
        replaced and everything else stays.
    table
        Output of `feedback.export.preferences`.
    personas
        The personas table; only those who judged are written.
    splits
        As for `with_splits`.
    facts
        What the card states: see `feedback.card.FACTS`.

    Raises
    ------
    DataError
        If there are no rows, a split has another name, or the card wants a fact.
    """
    if table.is_empty():
        raise DataError("there is no judgement to write", file=folder, fix="run the study first")
    named = with_splits(table, splits)
    strange = set(named["split"].unique()) - set(SPLITS)
    if strange:
        raise DataError(f"{min(strange)!r} is no split", column="split", fix=f"use {', '.join(SPLITS)}")
    # A record number of the source identifies a respondent and serves no reader of this data set.
    judged = personas.drop("person_id", strict=False).filter(
        pl.col("persona_id").is_in(table["persona_id"].unique().implode())
    )
    sizes = []
    with whole_folder(Path(folder), lambda name: bool(_OURS.fullmatch(name))) as beside:
        for split in SPLITS:
            rows = named.filter(pl.col("split") == split).drop("split")
            if rows.height:
                sizes.append((split, rows.height))
                _shards(beside / "data", split, rows)
        _shards(beside / "personas", "train", judged)
        write_atomic(
            beside / "README.md", dataset_card(sizes, facts, table.drop("split", strict=False)).encode()
        )
    return Written(table.height, {})


def with_splits(table: pl.DataFrame, splits: Mapping[str, str]) -> pl.DataFrame:
    """Give every row its split: the pair's own where the design has dealt one, else its prompt's.

    Parameters
    ----------
    table
        Any with `prompt_id`; `split` where there is one.
    splits
        `prompt_id` to `train` or `test`; a prompt that is not named is for training.

    Examples
    --------
    >>> rows = pl.DataFrame({"prompt_id": ["p", "q", "q"], "split": ["held_out", None, "train"]})
    >>> with_splits(rows, {"p": "train", "q": "test"})["split"].to_list()
    ['held_out', 'test', 'train']
    """
    split = pl.col("prompt_id").replace_strict(splits, default="train", return_dtype=pl.String)
    own = [pl.col("split")] if "split" in table.columns else []
    return table.with_columns(pl.coalesce(*own, split).alias("split"))


def _shards(folder: Path, split: str, rows: pl.DataFrame) -> None:
    count = max(1, -(-rows.height // SHARD))
    for number in range(count):
        part = rows.slice(number * SHARD, SHARD)
        with atomic_path(folder / f"{split}-{number:05}-of-{count:05}.parquet") as beside:
            part.write_parquet(beside, compression="zstd", row_group_size=ROW_GROUP)
