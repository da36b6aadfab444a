"""People's verdicts as arrays, and from a file that was exported."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from populace.errors import DataError
from populace.serve.judging.machines import read_table
from populace.stats.bootstrap import sum_by_cluster

__all__ = ["Floats", "Ints", "Said", "read_verdicts"]

Ints: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]

_COLUMNS = ("persona_id", "prompt_id", "rater", "verdict")
_VERDICTS = ("first", "second", "tie")


def read_verdicts(path: Path) -> pl.DataFrame:
    """Read exported verdicts.

    Raises
    ------
    DataError
        If the file is no such table, holds another verdict, or a rater judged a pair twice.
    """
    table = read_table(path)
    for name in _COLUMNS:
        if name not in table.columns:
            raise DataError("a column is missing", file=path, column=name, fix="give exported verdicts")
    table = table.with_columns(pl.col(_COLUMNS).cast(pl.String))
    strange = table["verdict"].drop_nulls().filter(~table["verdict"].drop_nulls().is_in(_VERDICTS))
    if len(strange):
        raise DataError(f"the verdict {strange[0]!r} is none", file=path, column="verdict")
    twice = table.filter(table.select(_COLUMNS[:3]).is_duplicated())
    if twice.height:
        raise DataError(
            f"the rater {twice[0, 'rater']} judged a pair twice", file=path, fix="keep one of them"
        )
    return table


class Said:
    """People's verdicts as arrays, a row a verdict: a table of items by raters would be nearly empty."""

    def __init__(self, verdicts: pl.DataFrame) -> None:
        self.items = verdicts.select("persona_id", "prompt_id").unique().sort("persona_id", "prompt_id")
        """Pairs of answers, in the order of every axis of items."""
        self.raters: list[str] = verdicts["rater"].unique().sort().to_list()
        who = pl.DataFrame({"rater": self.raters}, schema={"rater": pl.String}).with_row_index("who")
        number = {"first": 0, "second": 1}
        code = pl.col("verdict").replace_strict(number, default=-1, return_dtype=pl.Int64).fill_null(-1)
        placed = (
            verdicts.select("persona_id", "prompt_id", "rater", code.alias("code"))
            .join(self.items.with_row_index("item"), on=["persona_id", "prompt_id"])
            .join(who, on="rater")
            .sort("item", "who")
        )
        size = self.items.height
        self.asked = np.bincount(placed["item"].to_numpy(), minlength=size).astype(np.int64)
        """Raters of each item, decided or not."""
        decided = placed.filter(pl.col("code") >= 0)
        self.item = decided["item"].to_numpy().astype(np.int64)
        self.rater = decided["who"].to_numpy().astype(np.int64)
        self.code = decided["code"].to_numpy().astype(np.int64)
        """0 first, 1 second; of each decided verdict, like `item` and `rater`."""
        self.persona = self.items["persona_id"].to_list()
        names, self.cluster = np.unique(np.array(self.persona, dtype=str), return_inverse=True)
        self.clusters = len(names)
        self.first = np.bincount(self.item[self.code == 0], minlength=size).astype(np.float64)
        self.second = np.bincount(self.item[self.code == 1], minlength=size).astype(np.float64)

    def beside(self) -> Ints:
        """Give the decided verdicts of each item side by side, -1 where there are no more."""
        counts = np.bincount(self.item, minlength=len(self.persona))
        slot = np.arange(len(self.item)) - (np.cumsum(counts) - counts)[self.item]
        table = np.full((len(self.persona), max(2, counts.max(initial=0))), -1, dtype=np.int64)
        table[self.item, slot] = self.code
        return table

    def machine(self, told: pl.DataFrame | None) -> Ints:
        """Give a model's verdict on each item, -1 where it has none."""
        if told is None:
            return np.full(len(self.persona), -1, dtype=np.int64)
        number = pl.col("verdict").replace_strict(
            {"first": 0, "second": 1}, default=-1, return_dtype=pl.Int64
        )
        one = told.unique(["persona_id", "prompt_id"], keep="first", maintain_order=True)
        joined = self.items.join(one, on=["persona_id", "prompt_id"], how="left", maintain_order="left")
        return joined.select(number.fill_null(-1)).to_series().to_numpy().astype(np.int64)

    def majority(self, share: float) -> Ints:
        """Give what at least this share of those asked (and two) chose, -1 where there is no such."""
        need = np.maximum(2, np.ceil(share * self.asked - 1e-9))
        return np.where(self.first >= need, 0, np.where(self.second >= need, 1, -1)).astype(np.int64)

    def sums(self, tables: Floats) -> Floats:
        """Sum tables of items, shape (items, ...), within personas."""
        flat = sum_by_cluster(
            tables.reshape(len(tables), math.prod(tables.shape[1:])), self.cluster, self.clusters
        )
        return flat.reshape(self.clusters, *tables.shape[1:])
