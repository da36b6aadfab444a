"""Before a number is believed: how small a difference, or a kappa, could this design have seen?

Rows of one cluster resemble each other, so n rows are worth n / (design effect) independent ones, with
design effect 1 + (m - 1) ICC for clusters of m rows (Kish 1965), and m = sum(m_i^2) / sum(m_i) where sizes
differ (Eldridge, Ashby and Kerry 2006, doi:10.1093/ije/dyl129). `intraclass_correlation` measures the ICC
of data already seen; for kappa take the ICC of the indicator "the two raters agree".

These are large-sample approximations for planning and for footnotes, with Student's t over clusters - 1
degrees of freedom in place of the normal. They are never the result of a score.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

from populace.stats._arrays import Floats, Ints, codes_of_clusters, divide, vector
from populace.stats._special import t_quantile
from populace.stats.bootstrap import cluster_bootstrap, sum_by_cluster, unit_of
from populace.stats.estimate import Estimate

__all__ = [
    "PowerNote",
    "design_effect",
    "intraclass_correlation",
    "smallest_difference",
    "smallest_kappa",
]


class PowerNote(msgspec.Struct, frozen=True, kw_only=True):
    """The smallest effect that a design finds with the power asked for."""

    measure: Literal["difference", "kappa"]
    """What is to be found."""
    smallest: float
    """Smallest true value found with this power; nan where none would be."""
    null: float
    """Value it is told apart from."""
    n: int
    """Rows."""
    clusters: int
    """Independent clusters they come in."""
    icc: float
    """Intraclass correlation assumed."""
    design_effect: float
    """How many rows are worth one independent row."""
    power: float
    """Chance of finding it."""
    level: float
    """Level of the two-sided interval that must exclude the null."""

    @property
    def effective_n(self) -> float:
        """Independent rows that the rows are worth."""
        return self.n / self.design_effect

    def __str__(self) -> str:
        smallest = "none" if math.isnan(self.smallest) else f"{self.smallest:.3f}"
        return (
            f"smallest {self.measure} told from {self.null:g}: {smallest} (power {self.power * 100:g} %, "
            f"level {self.level * 100:g} %, n={self.n} in {self.clusters} clusters, worth "
            f"{self.effective_n:.0f} independent rows at ICC {self.icc:g})"
        )


def design_effect(sizes: npt.ArrayLike, icc: float) -> float:
    """Return how many rows in clusters of these sizes are worth one independent row.

    Parameters
    ----------
    sizes
        Rows of each cluster, shape (clusters,), each above zero.
    icc
        Intraclass correlation, from -1 to 1. A result below 1 (a negative ICC) is honest: such clusters
        balance out.

    Raises
    ------
    ValueError
        If there is no cluster, a size is not above zero, the ICC is out of range or so far below zero that
        clusters of these sizes cannot have it.

    Examples
    --------
    >>> round(design_effect([10, 10, 10], 0.2), 3)  # 1 + 9 * 0.2
    2.8
    """
    size = vector("sizes", sizes)
    if not len(size) or not (size > 0).all():
        raise ValueError("sizes must hold at least one cluster, each with rows")
    if not -1 <= icc <= 1:
        raise ValueError(f"icc is {icc} and must lie between -1 and 1")
    effect = 1 + (float((size**2).sum() / size.sum()) - 1) * icc
    if effect <= 0:
        raise ValueError(f"an icc of {icc} is too far below 0 for clusters of these sizes")
    return effect


def intraclass_correlation(
    values: npt.ArrayLike,
    clusters: npt.ArrayLike,
    *,
    draws: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Estimate:
    """Estimate the one-way intraclass correlation by analysis of variance (Donner 1986).

    International Statistical Review 54, 67-82: (MSB - MSW) / (MSB + (m0 - 1) MSW), with m0 = (N - sum(m^2) /
    N) / (c - 1). It may fall below zero; nan where all values are equal, every cluster has a single row, or
    there is one cluster. The interval resamples clusters and runs low where they are few.

    Parameters
    ----------
    values
        Shape (rows,); 0 and 1 do as well. Missing ones (nan, None) are left out.
    clusters
        Cluster of each row.
    draws, seed, level
        See `cluster_bootstrap`.

    Raises
    ------
    DataError
        If lengths differ or a number is infinite.

    Examples
    --------
    >>> intraclass_correlation([1, 1, 0, 0], ["ann", "ann", "bo", "bo"]).value
    1.0
    """
    array = vector("values", values)
    keep = ~np.isnan(array)
    code, labels = codes_of_clusters(clusters, keep)
    kept = array[keep]
    if len(kept):
        kept = kept - kept.mean()  # squares of numbers far from zero would lose their digits
    sums = sum_by_cluster(np.stack([np.ones(len(kept)), kept, kept**2], axis=1), code, len(labels))
    m, total, squares = sums.T
    counts = np.stack([np.ones(len(m)), m, m**2, total, total**2 / m, squares], axis=1)
    return cluster_bootstrap(
        counts, _anova_icc, n=len(kept), draws=draws, seed=seed, level=level, unit=unit_of(clusters)
    )


def smallest_difference(
    n: int,
    clusters: int | Sequence[int] | Ints,
    *,
    sd: float,
    icc: float = 0.0,
    power: float = 0.8,
    level: float = 0.95,
) -> PowerNote:
    """Return the smallest mean paired difference that n rows in these clusters find.

    (t_{1-a/2} + t_{power}) * sd * sqrt(design effect / n).

    Parameters
    ----------
    n
        Rows (pairs of scores).
    clusters
        Number of clusters, taken as equal in size, or the size of each.
    sd
        Standard deviation of the differences of rows. For two judgements of 0 or 1 that differ on a share d
        of rows it is at most sqrt(d).
    icc
        Intraclass correlation of the differences.
    power, level
        Chance of finding it; level of the interval that must exclude zero.

    Raises
    ------
    ValueError
        If a number is out of range, fewer than two clusters, or sizes that do not add up to `n`.

    Examples
    --------
    >>> print(smallest_difference(2000, 40, sd=0.5, icc=0.05))
    smallest difference told from 0: 0.060 (power 80 %, level 95 %, n=2000 in 40 clusters, worth
    580 independent rows at ICC 0.05)
    """
    if not (sd >= 0 and math.isfinite(sd)):
        raise ValueError(f"sd is {sd} and must be at least 0")
    count, effect, decide, find = _design(n, clusters, icc, power, level)
    return PowerNote(
        measure="difference",
        smallest=(decide + find) * sd * math.sqrt(effect / n),
        null=0.0,
        n=n,
        clusters=count,
        icc=icc,
        design_effect=effect,
        power=power,
        level=level,
    )


def smallest_kappa(
    n: int,
    clusters: int | Sequence[int] | Ints,
    *,
    null: float = 0.0,
    prevalence: float = 0.5,
    icc: float = 0.0,
    power: float = 0.8,
    level: float = 0.95,
) -> PowerNote:
    """Return the smallest kappa above `null` that two raters of n rows in two categories would show.

    The variance of kappa for a common prevalence p is (1 - k) / n * ((1 - k) (1 - 2k) + k (2 - k) /
    (2 p (1 - p))) (Bloch and Kraemer 1989; Donner and Eliasziw 1992, doi:10.1002/sim.4780111109), here times
    the design effect.

    It is of large samples in both categories, and promises too much where one is rare: of simulated samples
    in which 80 % should have found it, 65 % did at a prevalence of 0.9 and 41 % at 0.95 (300 rows, the
    bootstrap's interval of kappa above 0), and at 0.5 84 %. `populace.bench` therefore simulates.

    Parameters
    ----------
    n, clusters, power, level
        As for `smallest_difference`.
    null
        Kappa to be told apart from, from 0 up to below 1.
    prevalence
        Share of the first category, above 0 and below 1. Kappa of a rare category is noisy.
    icc
        Intraclass correlation of the indicator that the two agree.

    Raises
    ------
    ValueError
        As `smallest_difference`.

    Examples
    --------
    PERSONA's human study: ten questions a persona, two raters; against 200 rows.

    >>> round(smallest_kappa(10, 10).smallest, 2), round(smallest_kappa(200, 20).smallest, 2)
    (0.86, 0.21)
    """
    if not 0 <= null < 1:
        raise ValueError(f"null is {null} and must be from 0 up to below 1")
    if not 0 < prevalence < 1:
        raise ValueError(f"prevalence is {prevalence} and must lie between 0 and 1")
    count, effect, decide, find = _design(n, clusters, icc, power, level)

    def shortfall(kappa: float) -> float:
        noise = decide * _kappa_sd(null, prevalence) + find * _kappa_sd(kappa, prevalence)
        return noise * math.sqrt(effect / n) - (kappa - null)

    low, high = null, 1.0  # the shortfall is positive at null, falls, and is smallest at 1
    if shortfall(high) > 0:
        low = high = math.nan
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if shortfall(middle) > 0 else (low, middle)
    return PowerNote(
        measure="kappa",
        smallest=high,
        null=null,
        n=n,
        clusters=count,
        icc=icc,
        design_effect=effect,
        power=power,
        level=level,
    )


def _kappa_sd(kappa: float, prevalence: float) -> float:
    spread = 2 * prevalence * (1 - prevalence)
    variance = (1 - kappa) * ((1 - kappa) * (1 - 2 * kappa) + kappa * (2 - kappa) / spread)
    return math.sqrt(max(0.0, variance))


def _design(
    n: int, clusters: int | Sequence[int] | Ints, icc: float, power: float, level: float
) -> tuple[int, float, float, float]:
    """Return clusters, design effect, and the t quantiles that decide and that find."""
    if not 0 < level < 1:
        raise ValueError(f"level is {level} and must lie between 0 and 1")
    if not 0.5 <= power < 1:
        raise ValueError(f"power is {power} and must be from 0.5 up to below 1")
    if isinstance(clusters, int):
        count, sizes = clusters, np.full(max(1, clusters), n / max(1, clusters))
    else:
        sizes = vector("clusters", clusters)
        count = len(sizes)
        if sizes.sum() != n:
            raise ValueError(f"the sizes of clusters add up to {sizes.sum():g}, not to n = {n}")
    if not 2 <= count <= n:
        raise ValueError(f"{count} clusters of {n} rows: at least two are needed, each with a row")
    freedom = count - 1
    decide = t_quantile((1 + level) / 2, freedom)
    return count, design_effect(sizes, icc), decide, t_quantile(power, freedom)


def _anova_icc(totals: Floats) -> Floats:
    """Return the ICC from summed (1, m, m^2, total, total^2 / m, squares), shape (draws, 6)."""
    clusters, rows, square_sizes, total, between, squares = totals.T
    mean_square_between = divide(between - divide(total**2, rows), clusters - 1)
    mean_square_within = divide(squares - between, rows - clusters)
    size = divide(rows - divide(square_sizes, rows), clusters - 1)
    spread = mean_square_between + (size - 1) * mean_square_within
    flat = spread <= 1e-12 * np.maximum(squares, 1e-300)  # rounding, where all values are equal
    return divide(mean_square_between - mean_square_within, np.where(flat, 0, spread))
