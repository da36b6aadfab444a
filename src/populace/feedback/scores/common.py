"""What the scores share: which judgements count, and how means and agreements are estimated.

Rows resemble each other in three ways: they are verdicts of one persona, on answers written for one author,
to one prompt (whose first answer may even be the same text). An interval knows two of these at a time
(`stats.crossed`): the persona who judged with the author, and with the prompt; the wider of the two stands.
Where nobody judged, author and prompt are the two. So a score is about other personas, other authors and
other prompts drawn as these were, not about this panel.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TypedDict

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from populace.feedback.verdicts import DECIDED
from populace.stats import Estimate
from populace.stats.crossed import crossed_estimate

__all__ = [
    "CLUSTER",
    "DIFFERENCE",
    "JUDGE",
    "ORDERED_WAYS",
    "PROMPT",
    "SHARE",
    "Row",
    "Settings",
    "ac1",
    "arm_of",
    "decided",
    "estimated",
    "kappa",
    "mean",
    "ordered",
    "variance",
]

Row = tuple[str, str, Estimate]
"""Measure, arm, estimate."""
Floats = npt.NDArray[np.float64]
CLUSTER, PROMPT, JUDGE = "author_id", "prompt", "judge"
"""Columns of small integers: the author (or the persona for whom the prompt was drawn), the prompt, and the
persona who judged, null for nobody."""
SHARE, DIFFERENCE = (0.0, 1.0), (-1.0, 1.0)
ORDERED_WAYS = ("choice", "samples")
"""Ways of judging that show the answers in two orders."""
_EVEN = 1e-9
"""A probability within this of one half prefers neither."""


class Settings(TypedDict):
    """Of intervals and of what is drawn."""

    draws: int
    """Permutations, at most."""
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


def mean(
    rows: pl.DataFrame, column: str, settings: Settings, within: tuple[float, float] = SHARE
) -> Estimate:
    """Estimate the mean of a column of numbers between two bounds; a column `weight` weighs the rows."""
    values = rows[column].to_numpy().astype(np.float64)
    weights = rows["weight"].to_numpy() if "weight" in rows.columns else np.ones(len(values))
    if not len(values):
        return estimated(math.nan, values, rows, settings, within)
    total = weights.sum()
    value = float(weights @ values / total)
    return estimated(value, weights * (values - value) / total, rows, settings, within)


def estimated(
    value: float, moved: Floats, rows: pl.DataFrame, settings: Settings, within: tuple[float, float]
) -> Estimate:
    """Give a statistic its interval from what each row moves it by: the wider over the kinds of clusters."""
    judged = JUDGE in rows.columns and not rows[JUDGE].null_count()
    first = JUDGE if judged else CLUSTER
    found = [
        crossed_estimate(value, moved, rows[first].to_numpy(), second, within=within, level=settings["level"])
        for second in _seconds(rows, first)
    ]
    return max(found, key=lambda each: each.high - each.low if each.low <= each.high else 0.0)


def _seconds(rows: pl.DataFrame, first: str) -> list[np.ndarray | None]:
    """List the clusters that stand beside the first kind: all that are not the first again."""
    others = [name for name in (CLUSTER, PROMPT) if name in rows.columns and name != first]
    found: list[np.ndarray | None] = [
        rows[name].to_numpy() for name in others if not rows[name].equals(rows[first])
    ]
    return found or [None]


def variance(moved: Floats, code: npt.NDArray[np.int64]) -> float:
    """Sum up influences over clusters of one kind: their part of a variance."""
    count = int((np.bincount(code) > 0).sum()) if len(code) else 0
    sums = np.bincount(code, weights=moved)
    return count / (count - 1) * float(sums @ sums) if count > 1 else 0.0


def kappa(rows: pl.DataFrame, raters: Iterable[str], settings: Settings) -> Estimate:
    """Estimate Cohen's kappa of two columns of truth values."""
    one, other = _raters(rows, raters)
    a, b = one.mean() if len(one) else math.nan, other.mean() if len(other) else math.nan
    chance = a * b + (1 - a) * (1 - b)
    by_chance = (2 * b - 1) * (one - a) + (2 * a - 1) * (other - b)
    return _agreement(one == other, chance, by_chance, rows, settings)


def ac1(rows: pl.DataFrame, raters: Iterable[str], settings: Settings) -> Estimate:
    """Estimate Gwet's AC1 of two columns of truth values."""
    one, other = _raters(rows, raters)
    either = (one + other) / 2
    share = either.mean() if len(either) else math.nan
    by_chance = (2 - 4 * share) * (either - share)
    return _agreement(one == other, 2 * share * (1 - share), by_chance, rows, settings)


def _agreement(
    same: np.ndarray, chance: float, by_chance: Floats, rows: pl.DataFrame, settings: Settings
) -> Estimate:
    """Estimate (p - e) / (1 - e), of the agreement p and what chance gives, linearised in both."""
    nothing = np.zeros(len(same))
    if not len(same) or chance >= 1:  # raters who never leave one category: nothing is defined
        return estimated(math.nan, nothing, rows, settings, DIFFERENCE)
    agree = same.astype(np.float64)
    p, room = float(agree.mean()), 1 - chance
    moved = ((agree - p) / room - (1 - p) / room**2 * by_chance) / len(same)
    found = estimated((p - chance) / room, moved, rows, settings, DIFFERENCE)
    if found.method.startswith("no interval") or np.abs(moved).max() * len(same) > 1e-12:
        return found
    # A coefficient that no row moves is no share: nothing bounds how far it may be off.
    none = "no interval: the data are too even"
    return msgspec.structs.replace(found, low=math.nan, high=math.nan, method=none)


def _raters(rows: pl.DataFrame, raters: Iterable[str]) -> tuple[Floats, Floats]:
    """Two raters' verdicts as "prefers the second answer"."""
    one, other = (rows[name].to_numpy().astype(np.float64) for name in raters)
    return one, other
