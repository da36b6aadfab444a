"""What the scores share: which judgements count, and how means and agreements are estimated."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TypedDict

import msgspec
import numpy as np
import polars as pl

from populace import stats
from populace.feedback.verdicts import DECIDED
from populace.stats import Estimate

__all__ = [
    "CLUSTER",
    "ORDERED_WAYS",
    "Row",
    "Settings",
    "ac1",
    "arm_of",
    "decided",
    "kappa",
    "mean",
    "ordered",
]

Row = tuple[str, str, Estimate]
"""Measure, arm, estimate."""
CLUSTER = "author_id"
"""What is drawn again for an interval: the author, or the persona for whom the prompt was drawn."""
ORDERED_WAYS = ("choice", "samples")
"""Ways of judging that show the answers in two orders."""
_EVEN = 1e-9
"""A probability within this of one half prefers neither."""


class Settings(TypedDict):
    """Of the cluster bootstrap, under the names that `stats` gives them."""

    draws: int
    level: float
    seed: int


def arm_of(table: pl.DataFrame, role: str, way: str) -> pl.DataFrame:
    """Give one role's scored judgements in one way."""
    return table.filter((pl.col("role") == role) & (pl.col("way") == way)).drop_nulls("score")


def decided(table: pl.DataFrame) -> pl.DataFrame:
    """Give the rows with a preference; `revised` says for which answer."""
    found = table.filter(pl.col("verdict").is_in(DECIDED))
    return found.with_columns((pl.col("verdict") == "revision").alias("revised"))


def ordered(table: pl.DataFrame) -> pl.DataFrame:
    """Give the rows that say something about the order: an answer preferred in both, of two that differ.

    Written verdicts may be split evenly in one order, which prefers neither answer.
    """
    names = ("p_original_first", "p_revision_first")
    known = table.filter(~pl.col("identical")).drop_nulls(names)
    return known.filter(pl.all_horizontal((pl.col(name) - 0.5).abs() > _EVEN for name in names))


def mean(rows: pl.DataFrame, column: str, settings: Settings, cluster: str = CLUSTER) -> Estimate:
    """Estimate the mean of a column of numbers from -1 to 1."""
    values = rows[column].to_numpy()
    # Rows that all agree give a bootstrap no spread, but they are no proof: `proportion` bounds them.
    estimate = stats.proportion if np.isin(values, (0.0, 1.0)).all() else stats.mean
    return estimate(values, rows[cluster].to_numpy(), **settings)


def kappa(rows: pl.DataFrame, raters: Iterable[str], settings: Settings) -> Estimate:
    """Estimate Cohen's kappa of two columns of truth values."""
    return _bounded(stats.cohen_kappa(*_raters(rows, raters), **settings))


def ac1(rows: pl.DataFrame, raters: Iterable[str], settings: Settings) -> Estimate:
    """Estimate Gwet's AC1 of two columns of truth values."""
    # AC1 depends on how many categories there are, also where one of them was never used.
    return _bounded(stats.gwet_ac1(*_raters(rows, raters), categories=(False, True), **settings))


def _bounded(found: Estimate) -> Estimate:
    """Take the interval off a coefficient that no draw changed: the data are too even to bound it."""
    if found.low < found.high or not found.defined:
        return found
    return msgspec.structs.replace(
        found, low=math.nan, high=math.nan, method="no interval: every draw gives the same"
    )


def _raters(rows: pl.DataFrame, raters: Iterable[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two raters' verdicts as "prefers the second answer", and the clusters of the rows."""
    one, other = raters
    return rows[one].to_numpy(), rows[other].to_numpy(), rows[CLUSTER].to_numpy()
