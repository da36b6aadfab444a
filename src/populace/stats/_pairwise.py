"""Many paired differences at once: means, sign-flip tests and the step-down bootstrap, on shared draws."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from populace.stats._arrays import Bools, Floats, Ints, divide
from populace.stats.bootstrap import bootstrap_replicates, estimate_from_replicates, sum_by_cluster
from populace.stats.estimate import Estimate
from populace.streams import stream

__all__ = ["Settings", "estimates", "flip_tests", "step_down", "sums_of_columns"]

_BLOCK = 1 << 20
"""Signs held at once."""


class Settings(NamedTuple):
    """How intervals are drawn, as in `cluster_bootstrap`."""

    draws: int
    seed: int
    level: float
    unit: str


def sums_of_columns(columns: Iterable[Floats], code: Ints, clusters: int) -> tuple[Floats, Floats]:
    """Sum what is there of each column, and count it, by cluster: two arrays of shape (clusters, columns)."""
    sums: list[Floats] = []
    counts: list[Floats] = []
    for column in columns:
        there = ~np.isnan(column)
        pair = np.stack([np.where(there, column, 0.0), there.astype(np.float64)], axis=1)
        both = sum_by_cluster(pair, code, clusters)
        sums.append(both[:, 0])
        counts.append(both[:, 1])
    if not sums:
        return np.zeros((clusters, 0)), np.zeros((clusters, 0))
    return np.stack(sums, axis=1), np.stack(counts, axis=1)


def estimates(sums: Floats, counts: Floats, settings: Settings) -> tuple[list[Estimate], Floats]:
    """Return the mean of each column with its interval, and the replicates, shape (draws, columns)."""
    draws, seed, level, unit = settings
    columns = sums.shape[1]
    value = divide(sums.sum(axis=0), counts.sum(axis=0))
    replicates = np.full((draws, columns), np.nan)
    if len(sums) > 1 and columns:
        stacked = np.stack([sums, counts], axis=1)
        replicates = bootstrap_replicates(
            stacked, lambda total: divide(total[:, 0], total[:, 1]), draws=draws, seed=seed
        )
    found = [
        estimate_from_replicates(
            float(value[column]),
            replicates[:, column],
            n=int(counts[:, column].sum()),
            clusters=int((counts[:, column] > 0).sum()),
            draws=draws,
            seed=seed,
            level=level,
            unit=unit,
        )
        for column in range(columns)
    ]
    return found, replicates


def flip_tests(sums: Floats, flips: int, seed: int) -> Floats:
    """Return two-sided p-values of the columns, from sign flips of whole clusters shared by all."""
    clusters, pairs = len(sums), len(sums.T)
    observed, size = np.abs(sums.sum(axis=0)), np.abs(sums).sum(axis=0)
    bar = observed - 1e-9 * size  # equal totals summed in another order may differ in the last bits
    if clusters < 63 and 1 << clusters <= flips:
        everything = np.right_shift.outer(np.arange(1 << clusters), np.arange(clusters)) & 1
        return (np.abs((2.0 * everything - 1) @ sums) >= bar).mean(axis=0)
    rng = stream(seed, "stats.ranking.flips")
    hits = np.zeros(pairs)
    block = max(1, _BLOCK // max(clusters, pairs, 1))
    for start in range(0, flips, block):
        signs = 2.0 * rng.integers(2, size=(min(block, flips - start), clusters)) - 1
        hits += (np.abs(signs @ sums) >= bar).sum(axis=0)
    return (1 + hits) / (1 + flips)


def step_down(value: Floats, replicates: Floats, error: float) -> Bools:
    """Tell pairs apart by the largest studentised difference, then the largest of those left, and so on.

    Each pair stands for two one-sided claims; rejecting one leaves the other in the family, where it stays
    as far from rejection as can be, so its replicates go on counting.
    """
    spread = np.nanstd(replicates, axis=0, ddof=1) if len(replicates) > 1 else np.full(value.shape, np.nan)
    usable = np.isfinite(value) & np.isfinite(spread)
    with np.errstate(divide="ignore", invalid="ignore"):
        deviation = np.where(usable & (spread > 0), (replicates - value) / spread, 0.0)
        observed = np.where(usable & (value != 0), np.abs(value) / spread, 0.0)
    deviation = np.nan_to_num(deviation, nan=0.0)
    sign = np.sign(np.where(usable, value, 0))
    rejected = np.zeros(value.shape, dtype=np.bool_)
    while True:
        # Of a rejected pair only the claim against its sign is left, and only its side of the noise.
        noise = np.where(rejected, -deviation * sign, np.abs(deviation))
        largest = noise.max(axis=1, initial=0.0)
        found = usable & (observed > np.quantile(largest, 1 - error, method="higher"))
        if not (found & ~rejected).any():
            return rejected
        rejected |= found
