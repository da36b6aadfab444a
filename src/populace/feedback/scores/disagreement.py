"""How often people disagree on one pair, and what that leaves for any single model.

A model that cannot tell people apart can at best please the majority on every pair. With few judges a pair
that ceiling is high even for coin flips, so the same figure with verdicts shuffled over pairs stands beside
it: only what lies above the shuffled ceiling is agreement about the pairs themselves.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import msgspec
import numpy as np
import polars as pl

from populace.feedback.scores.common import (
    CLUSTER,
    JUDGE,
    PROMPT,
    SHARE,
    Row,
    Settings,
    decided,
    variance,
)
from populace.feedback.verdicts import ways_of
from populace.stats import Estimate
from populace.stats.crossed import crossed_estimate
from populace.streams import stream

__all__ = ["disagreement"]

PERMUTATIONS = 500


def disagreement(table: pl.DataFrame, settings: Settings) -> Iterator[Row]:
    """Yield the conflict rate and the ceiling of one model, by way, beside the same of shuffled verdicts."""
    for way in ways_of(table):
        theirs = decided(table.filter((pl.col("way") == way) & pl.col("persona_id").is_not_null()))
        panels = theirs.filter(pl.len().over("pair_id") > 1)
        if panels.is_empty():
            continue
        for measure, split in _splits(panels).items():
            yield measure, way, _measured(measure, split, panels, settings)
        yield from _shuffled(panels, way, settings)


class _Split(NamedTuple):
    """Sums a pair, and what each vote has to do with them."""

    part: np.ndarray
    """Numerator a pair, and denominator; shape (pairs,)."""
    whole: np.ndarray
    mine: np.ndarray
    """Shape (votes, 2): what of numerator and denominator is gone without the vote."""


def _splits(panels: pl.DataFrame) -> dict[str, _Split]:
    """Read the conflict rate and the ceiling of one model."""
    votes = panels.select(
        "revised",
        yes=pl.col("revised").sum().over("pair_id").cast(pl.Float64),
        n=pl.len().over("pair_id").cast(pl.Float64),
    )
    said, yes, n = (votes[name].to_numpy() for name in ("revised", "yes", "n"))
    first = panels.select(pl.col("pair_id").is_first_distinct()).to_series().to_numpy()
    against = np.where(said, n - yes, yes)
    # A vote of the majority is gone from it; of an even split either half is the majority.
    majority = (np.sign(n - 2 * against) + 1) / 2
    figures = _figures(yes[first], n[first])
    mine = {"conflict_rate": (against, n - 1), "single_model_ceiling": (majority, np.ones(len(n)))}
    return {name: _Split(*figures[name], np.stack(mine[name], axis=1)) for name in figures}


def _measured(measure: str, split: _Split, panels: pl.DataFrame, settings: Settings) -> Estimate:
    """Estimate a ratio over pairs whose judges and authors are both drawn.

    Of a sum over couples a pair holds each couple once, and each of its two judges holds it too. So pairs are
    summed by author (or prompt), votes by judge, and what both know, the votes before one author's pairs, is
    taken off once, as in `stats.crossed`.
    """
    value = float(split.part.sum() / split.whole.sum())
    by_pair = (split.part - value * split.whole) / split.whole.sum()
    by_vote = (split.mine[:, 0] - value * split.mine[:, 1]) / split.whole.sum()
    pairs = panels.filter(pl.col("pair_id").is_first_distinct())
    judge = panels[JUDGE].to_numpy()
    extra = 0.0
    for kind in (CLUSTER, PROMPT):
        cell = panels.select(pl.struct(kind, JUDGE).rank("dense").cast(pl.Int64)).to_series().to_numpy()
        beside = variance(by_pair, pairs[kind].to_numpy()) - variance(by_vote, cell)
        extra = max(extra, beside)
    kinds = min(pairs[kind].n_unique() for kind in (CLUSTER, PROMPT))
    if value in (0.0, 1.0):
        return _bounded(measure, value, pairs.height, min(kinds, panels[JUDGE].n_unique()), settings)
    found = crossed_estimate(value, by_vote, judge, within=SHARE, beside=extra, level=settings["level"])
    method = f"judges and authors (or prompts), {found.method.partition(', ')[2]}"
    return msgspec.structs.replace(found, n=pairs.height, method=method)


def _bounded(measure: str, value: float, n: int, clusters: int, settings: Settings) -> Estimate:
    """Give a figure of 0 or 1, from which no row differs, the exact bound of a share that was never seen.

    Where nobody disagreed: a pair with a conflict has at most all couples in conflict and half its verdicts
    in the minority, so the bound on the share of such pairs bounds both figures. Where every couple did
    (panels of two alone can), it bounds the share of pairs without a conflict.
    """
    level = settings["level"]
    missed = 1 - ((1 - level) / 2) ** (1 / clusters)
    missed = missed if measure == "conflict_rate" else missed / 2
    low, high = (0.0, missed) if value == 0.0 else (1.0 - missed, 1.0)
    method = f"Clopper-Pearson, {clusters} trials: all pairs agree"
    if clusters < 2:
        low, high, method = math.nan, math.nan, "no interval: only one cluster"
    return Estimate(value=value, low=low, high=high, level=level, n=n, clusters=clusters, method=method)


def _figures(yes: np.ndarray, n: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Numerator and denominator a pair, for the conflict rate and the single-model ceiling."""
    yes, n = yes.astype(float), n.astype(float)
    return {
        "conflict_rate": (yes * (n - yes), n * (n - 1) / 2),
        "single_model_ceiling": (np.maximum(yes, n - yes), n),
    }


def _shuffled(panels: pl.DataFrame, way: str, settings: Settings) -> Iterator[Row]:
    """Give the same figures with verdicts permuted over pairs: what no agreement about pairs would give."""
    rng = stream(settings["seed"], "feedback.audit")
    pair = _codes(panels["pair_id"])
    verdicts = panels["revised"].to_numpy()
    n = np.bincount(pair)
    drawn: dict[str, list[float]] = {"conflict_rate": [], "single_model_ceiling": []}
    for _ in range(min(PERMUTATIONS, settings["draws"])):
        yes = np.bincount(pair, weights=rng.permutation(verdicts))
        for measure, (part, whole) in _figures(yes, n).items():
            drawn[measure].append(float(part.sum() / whole.sum()))
    tail = (1 - settings["level"]) / 2
    for measure, values in drawn.items():
        low, high = np.quantile(values, [tail, 1 - tail])
        yield (
            measure,
            f"{way}, verdicts shuffled over pairs",
            Estimate(
                value=float(np.mean(values)),
                low=float(low),
                high=float(high),
                level=settings["level"],
                n=panels.height,
                clusters=len(n),
                method=f"permutation over pairs, {len(values)} draws",
                seed=settings["seed"],
            ),
        )


def _codes(labels: pl.Series) -> np.ndarray:
    return np.unique(labels.to_numpy(), return_inverse=True)[1]
