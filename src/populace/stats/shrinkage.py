"""Rates of many small cells, shrunk towards each other as far as the data say they are alike.

Cell j has y_j successes in n_j trials; its true rate is drawn, like those of the other cells, from a beta
distribution of mean m and concentration M. Given these, the rate of a cell is Beta(m M + y, (1 - m) M +
n - y): the cell counts n rows of its own and M rows of everybody's. Empirical Bayes takes m and M from
all cells at once (Morris 1983, doi:10.1080/01621459.1983.10477920).

Putting in their most likely values makes intervals too narrow, and where the cells look alike it puts M at
infinity and gives them no width at all. So m and M are integrated out on a grid, under a flat prior for m
and one for M that makes the shrinkage M / (M + h) of a typical cell uniform (h the harmonic mean of the
sizes), after Christiansen and Morris (1997, Journal of the American Statistical Association 92, 618-632).
It is proper for any data: one cell, empty cells, all successes.

Intervals are posterior: over cells like these, a share `level` of them holds the true rate. They promise
nothing for a single cell unlike all others, which is pulled the most. The cells should not overlap; if they
do, each is still shrunk sensibly, but the spread between them counts shared rows twice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from populace.errors import DataError
from populace.stats._arrays import Floats, vector
from populace.stats._special import beta_cdf, beta_quantile, log_beta
from populace.stats.estimate import Estimate

__all__ = ["ShrunkenRate", "ShrunkenRates", "shrunken_rates"]

_NODES = 16
"""Points of the grid in either direction."""
_TINY = 1e-5
"""Weight, beside the heaviest, below which a point of the grid is left out."""
_BLOCK = 1 << 21
"""Numbers held at once."""


class ShrunkenRate(msgspec.Struct, frozen=True, kw_only=True):
    """One cell."""

    name: str
    """The cell."""
    raw: float
    """Successes by trials; nan in an empty cell."""
    estimate: Estimate
    """The shrunken rate with its posterior interval."""
    own: float
    """Share of the estimate that is the cell's own rows, from 0 (empty) up to 1; the rest is the others'."""
    few: bool
    """Whether the cell is too small to speak for itself; print such a cell marked, or not at all."""


class ShrunkenRates(msgspec.Struct, frozen=True, kw_only=True):
    """All cells and the distribution they were shrunk towards."""

    cells: tuple[ShrunkenRate, ...]
    """In the order given."""
    mean: float
    """Posterior mean of the mean rate of cells; nan without data."""
    concentration: float
    """Posterior geometric mean of M: about how many independent rows make a cell half its own."""


def shrunken_rates(
    successes: npt.ArrayLike,
    trials: npt.ArrayLike,
    *,
    names: Sequence[str] | None = None,
    clusters: npt.ArrayLike | None = None,
    design_effect: npt.ArrayLike = 1.0,
    fewest: float = 10,
    level: float = 0.95,
) -> ShrunkenRates:
    """Shrink the rates of cells towards their common distribution (empirical Bayes, beta-binomial).

    Parameters
    ----------
    successes, trials
        Shape (cells,), whole numbers, successes from 0 to trials. An empty cell (0 trials) gets what is known
        of a cell not seen.
    names
        Name of each cell; None numbers them from 0.
    clusters
        Clusters (personas) in each cell, for the record; None takes each trial for one.
    design_effect
        Rows that are worth one independent trial (see `populace.stats.design_effect`), one number or one a
        cell, above zero: counts are divided by it. Rows of one persona are not independent.
    fewest
        A cell is marked `few` if it is worth fewer independent trials than this, or if less than half of its
        estimate is its own.
    level
        Posterior mass of the interval.

    Raises
    ------
    DataError
        If lengths differ, a count is missing, not whole or out of range, or a name comes twice.
    ValueError
        If `level` is not between 0 and 1, `fewest` below 0, or a design effect not above zero.

    Examples
    --------
    >>> found = shrunken_rates([0, 12, 9, 30, 18], [1, 20, 20, 50, 40], names=list("abcde"))
    >>> [round(cell.estimate.value, 2) for cell in found.cells]  # nobody believes 0 of 1
    [0.48, 0.55, 0.49, 0.57, 0.48]
    >>> [cell.name for cell in found.cells if cell.few]
    ['a', 'b', 'c']
    """
    if not 0 < level < 1 or fewest < 0:
        raise ValueError("`level` must lie between 0 and 1, and `fewest` be at least 0")
    good, n = _counts(successes, trials)
    labels = _names(names, len(n))
    effect = np.broadcast_to(np.asarray(design_effect, dtype=np.float64), n.shape)
    if not (np.isfinite(effect) & (effect > 0)).all():
        raise ValueError("`design_effect` must be above zero")
    units = n if clusters is None else vector("clusters", clusters, len(n))
    y, worth = good / effect, n / effect
    if not (worth > 0).any():
        return _nothing(labels, level)
    mean, concentration, weight = _hyperposterior(y, worth)
    # Equal cells are computed once.
    distinct, place = np.unique(np.stack([y, worth], axis=1), axis=0, return_inverse=True)
    value, own = _posterior_means(distinct, mean, concentration, weight)
    low, high = _posterior_quantiles(distinct, mean, concentration, weight, level)
    method = "beta-binomial empirical Bayes, mean and concentration integrated, posterior interval"
    if (effect != 1).any():
        method += ", counts by design effect"
    cells = tuple(
        ShrunkenRate(
            name=label,
            raw=float(good[j] / n[j]) if n[j] else math.nan,
            estimate=Estimate(
                value=float(value[d]),
                low=float(low[d]),
                high=float(high[d]),
                level=level,
                n=int(n[j]),
                clusters=int(units[j]),
                method=method,
            ),
            own=float(own[d]),
            few=bool(worth[j] < fewest or own[d] < 0.5),
        )
        for j, (label, d) in enumerate(zip(labels, place.ravel(), strict=True))
    )
    typical = math.exp(float(weight @ np.log(concentration)))
    return ShrunkenRates(cells=cells, mean=float(weight @ mean), concentration=typical)


def _hyperposterior(y: Floats, n: Floats) -> tuple[Floats, Floats, Floats]:
    """Return points (mean, concentration) with their posterior weights, heaviest parts only."""
    there = n > 0
    cells, copies = np.unique(np.stack([y[there], n[there]], axis=1), axis=0, return_counts=True)
    typical = len(n[there]) / (1 / n[there]).sum()
    pooled = (y.sum() + 0.5) / (n.sum() + 1)
    centre, spread = math.log(pooled / (1 - pooled)), 12.0
    # First where anything could be, then twice nearer: the box follows the mass.
    logit = np.linspace(centre - spread, centre + spread, 3 * _NODES)
    log_m = np.linspace(math.log(typical) - 9, math.log(typical) + 9, 2 * _NODES)
    for _ in range(4):
        log_weight = _log_posterior(cells, copies.astype(np.float64), logit, log_m, typical)
        likely = log_weight > log_weight.max() - 14
        logit = _narrowed(logit, likely.any(axis=1))
        log_m = _narrowed(log_m, likely.any(axis=0))
    log_weight = _log_posterior(cells, copies.astype(np.float64), logit, log_m, typical)
    weight = np.exp(log_weight - log_weight.max())
    keep = weight > _TINY
    mean, concentration = np.meshgrid(1 / (1 + np.exp(-logit)), np.exp(log_m), indexing="ij")
    return mean[keep], concentration[keep], weight[keep] / weight[keep].sum()


def _log_posterior(cells: Floats, copies: Floats, logit: Floats, log_m: Floats, typical: float) -> Floats:
    """Return the log posterior density over (logit of mean, log of concentration), shape of their grid."""
    mean = 1 / (1 + np.exp(-logit))[:, None]
    concentration = np.exp(log_m)[None, :]
    a, b = mean * concentration, (1 - mean) * concentration
    total = np.log(mean * (1 - mean)) + np.log(typical * concentration / (typical + concentration) ** 2)
    block = max(1, _BLOCK // a.size)
    for start in range(0, len(cells), block):
        y, n = cells[start : start + block].T[:, :, None, None]
        fits = log_beta(a + y, b + n - y) - log_beta(a, b)
        total = total + np.tensordot(copies[start : start + block], fits, axes=1)
    return total


def _narrowed(axis: Floats, likely: npt.NDArray[np.bool_]) -> Floats:
    places = np.flatnonzero(likely)
    low, high = max(0, int(places[0]) - 1), min(len(axis) - 1, int(places[-1]) + 1)
    return np.linspace(float(axis[low]), float(axis[high]), _NODES)


def _posterior_means(
    cells: Floats, mean: Floats, concentration: Floats, weight: Floats
) -> tuple[Floats, Floats]:
    """Return the posterior mean of each cell's rate, and the share of it that is the cell's own."""
    y, n = cells.T[:, :, None]
    value = ((mean * concentration + y) / (concentration + n)) @ weight
    return value, (n / (n + concentration)) @ weight


def _posterior_quantiles(
    cells: Floats, mean: Floats, concentration: Floats, weight: Floats, level: float
) -> tuple[Floats, Floats]:
    """Return the ends of the equal-tailed posterior interval of each cell: quantiles of mixtures of betas."""
    tail = (1 - level) / 2
    block = max(1, _BLOCK // len(weight))
    ends: list[Floats] = []
    for start in range(0, len(cells), block):
        y, n = cells[start : start + block].T[:, :, None]
        a, b = mean * concentration + y, (1 - mean) * concentration + n - y
        ends.append(np.stack([_mixture_quantile(a, b, weight, share) for share in (tail, 1 - tail)]))
    low, high = np.concatenate(ends, axis=1)
    return low, high


def _mixture_quantile(a: Floats, b: Floats, weight: Floats, share: float) -> Floats:
    """Return quantiles of mixtures of Beta(a, b), shape (cells, points), by Newton steps within a bracket."""
    first = (a / (a + b)) @ weight
    second = (a * (a + 1) / ((a + b) * (a + b + 1))) @ weight
    size = np.maximum((first - second) / np.maximum(second - first**2, 1e-300), 1e-3)
    x = beta_quantile(first * size, (1 - first) * size, share)  # the beta of the same mean and variance
    low, high, on = np.zeros(len(x)), np.ones(len(x)), np.arange(len(x))
    constant = log_beta(a, b)
    for _ in range(60):
        at = np.clip(x[on], 1e-12, 1 - 1e-12)
        short = beta_cdf(a[on], b[on], at[:, None]) @ weight - share
        low[on], high[on] = np.where(short < 0, at, low[on]), np.where(short < 0, high[on], at)
        log_density = (a[on] - 1) * np.log(at)[:, None] + (b[on] - 1) * np.log1p(-at)[:, None]
        density = np.exp(np.minimum(log_density - constant[on], 700)) @ weight
        step = at - short / np.maximum(density, 1e-300)
        x[on] = np.where((step > low[on]) & (step < high[on]), step, (low[on] + high[on]) / 2)
        on = on[np.abs(x[on] - at) > 1e-7]
        if not len(on):
            break
    return x


def _counts(successes: npt.ArrayLike, trials: npt.ArrayLike) -> tuple[Floats, Floats]:
    n = vector("trials", trials)
    y = vector("successes", successes, len(n))
    if np.isnan(n).any() or np.isnan(y).any() or (n != np.floor(n)).any() or (y != np.floor(y)).any():
        raise DataError("`successes` and `trials` must be whole numbers", fix="an empty cell has 0 trials")
    if (y < 0).any() or (y > n).any():
        raise DataError("`successes` must lie between 0 and `trials`")
    return y, n


def _names(names: Sequence[str] | None, cells: int) -> list[str]:
    labels = [str(cell) for cell in range(cells)] if names is None else list(names)
    if len(labels) != cells:
        raise DataError(f"`names` has {len(labels)} names for {cells} cells")
    if len(set(labels)) < cells:
        raise DataError("`names` names a cell twice")
    return labels


def _nothing(labels: list[str], level: float) -> ShrunkenRates:
    """Return cells of which nothing is known."""
    nan = math.nan
    method = "no interval: undefined for these data"
    blank = Estimate(value=nan, low=nan, high=nan, level=level, n=0, clusters=0, method=method)
    cells = tuple(ShrunkenRate(name=label, raw=nan, estimate=blank, own=0.0, few=True) for label in labels)
    return ShrunkenRates(cells=cells, mean=nan, concentration=nan)
