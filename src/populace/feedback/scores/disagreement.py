"""How often people disagree on one pair, and what that leaves for any single model.

A model that cannot tell people apart can at best please the majority on every pair. With few judges a pair
that ceiling is high even for coin flips, so the same figure with verdicts shuffled over pairs stands beside
it: only what lies above the shuffled ceiling is agreement about the pairs themselves.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import numpy as np
import polars as pl

from populace import stats
from populace.feedback.scores.common import CLUSTER, Row, Settings, decided
from populace.feedback.verdicts import ways_of
from populace.stats import Estimate
from populace.streams import stream

__all__ = ["disagreement"]

PERMUTATIONS = 500


def disagreement(table: pl.DataFrame, settings: Settings) -> Iterator[Row]:
    """Yield the conflict rate and the ceiling of one model, by way, beside the same of shuffled verdicts."""
    for way in ways_of(table):
        theirs = decided(table.filter((pl.col("way") == way) & pl.col("persona_id").is_not_null()))
        panels = theirs.filter(pl.len().over("pair_id") > 1).select("pair_id", CLUSTER, "revised")
        if panels.is_empty():
            continue
        votes = _votes(panels)
        clusters = votes[CLUSTER].to_numpy()
        for measure, (part, whole) in _splits(votes["yes"].to_numpy(), votes["n"].to_numpy()).items():
            found = stats.ratio(part, whole, clusters, **settings)
            yield measure, way, _bounded(measure, found, clusters, settings)
        yield from _shuffled(panels, way, settings)


def _bounded(measure: str, found: Estimate, clusters: np.ndarray, settings: Settings) -> Estimate:
    """Give a figure of 0 or 1, which no draw changes, the exact bound of a share that was never seen.

    Where nobody disagreed: a pair with a conflict has at most all couples in conflict and half its verdicts
    in the minority, so the bound on the share of such pairs bounds both figures. Where every couple did
    (panels of two alone can), it bounds the share of pairs without a conflict.
    """
    if found.value not in (0.0, 1.0):
        return found
    bound = stats.proportion(np.zeros(len(clusters)), clusters, **settings)
    missed = bound.high if measure == "conflict_rate" else bound.high / 2
    low, high = (0.0, missed) if found.value == 0.0 else (1.0 - missed, 1.0)
    return msgspec.structs.replace(found, low=low, high=high, method=bound.method, seed=bound.seed)


def _votes(panels: pl.DataFrame) -> pl.DataFrame:
    return panels.group_by("pair_id", maintain_order=True).agg(
        pl.col(CLUSTER).first(), pl.col("revised").sum().alias("yes"), pl.len().alias("n")
    )


def _splits(yes: np.ndarray, n: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
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
    for _ in range(PERMUTATIONS):
        yes = np.bincount(pair, weights=rng.permutation(verdicts))
        for measure, (part, whole) in _splits(yes, n).items():
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
                method=f"permutation over pairs, {PERMUTATIONS} draws",
                seed=settings["seed"],
            ),
        )


def _codes(labels: pl.Series) -> np.ndarray:
    return np.unique(labels.to_numpy(), return_inverse=True)[1]
