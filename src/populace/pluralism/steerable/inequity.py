"""For whom does it work worse? The spread of accuracy over groups, and the gap to the worst-served.

IndieValueCatalog (Jiang et al. 2024, arXiv 2410.03868) reports the standard deviation of accuracy over
groups. As counted it is never 0: groups of n rows differ by chance even where all are served alike, the
smallest most, and the worst of many is worse than it is. Here what chance adds is taken off.

Groups usually share their questions, so that a hard question lowers all alike. Clusters are therefore drawn
across groups at once (bootstrap over questions), and what chance adds to the variance over groups is read off
the draws: if s² is the variance as counted and the mean over draws is s²*, the draws stand to the sample as
the sample to the truth, and 2 s² - s²* is the variance without it. Deviations from the mean, the worst of
which is the gap, are shrunk by the same factor.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np
import numpy.typing as npt

from populace.errors import DataError
from populace.stats import Estimate
from populace.stats._arrays import Bools, Floats, as_labels, codes, divide, vector
from populace.stats.bootstrap import doubted
from populace.streams import stream

__all__ = ["Inequity", "inequity"]

_BLOCK = 1 << 21
"""Numbers of one block of draws."""


class Inequity(msgspec.Struct, frozen=True, kw_only=True):
    """How unequally groups are served."""

    spread: Estimate
    """Standard deviation of accuracy over groups, without what sampling adds; 0 where that is all."""
    spread_raw: float
    """As counted: what is published."""
    worst_gap: Estimate
    """Mean over groups less the worst group, without what picking the worst of noisy groups adds."""
    worst_gap_raw: float
    worst: tuple[str, ...]
    """The group with the lowest accuracy as counted; several, where they tie."""
    groups: dict[str, float]
    """Accuracy of every group, as counted."""


def inequity(
    hits: npt.ArrayLike,
    groups: npt.ArrayLike,
    clusters: npt.ArrayLike | None = None,
    *,
    draws: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Inequity:
    """Estimate how far accuracy differs between groups.

    Parameters
    ----------
    hits
        One number a row, from 0 to 1: whether the answer was right. Missing ones are left out.
    groups
        Whose row it is.
    clusters
        What rows share across groups, usually the question; drawn together. Rows, if None.
    draws, seed, level
        Of the bootstrap.

    Raises
    ------
    DataError
        If lengths differ, a hit lies outside 0 to 1, or a group or cluster is missing.

    References
    ----------
    Jiang et al. (2024), Can Language Models Reason about Individualistic Human Values and Preferences?,
    arXiv 2410.03868 (the standard deviation); the correction is ours.

    Examples
    --------
    >>> import numpy as np
    >>> hits = np.concatenate([np.arange(200) % 10 < share for share in (8, 8, 4)])
    >>> found = inequity(hits, np.repeat(["a", "b", "c"], 200))
    >>> found.worst, round(found.spread_raw, 3), round(found.worst_gap_raw, 3)
    (('c',), 0.231, 0.267)
    >>> found.spread.low > 0.1
    True
    """
    value = vector("hits", hits)
    whose = as_labels("groups", groups, len(value))
    keep = ~np.isnan(value)
    outside = keep & ((value < 0) | (value > 1))
    if outside.any():
        row = int(outside.argmax()) + 1
        raise DataError(f"a hit is {value[row - 1]:g}", row=row, fix="give a number from 0 to 1")
    (group,), names = codes(whose[keep], categories=None)
    if clusters is None:
        cluster, count = np.arange(int(keep.sum())), int(keep.sum())
    else:
        (cluster,), found = codes(as_labels("clusters", clusters, len(value))[keep], categories=None)
        count = len(found)
    missing = (group < 0) | (cluster < 0)
    if missing.any():
        row = int(np.flatnonzero(keep)[missing.argmax()]) + 1
        raise DataError("a group or cluster is missing", row=row, fix="leave those rows out")
    size = len(names)
    cell = cluster * size + group
    sums = (
        np.bincount(cell, weights=value[keep], minlength=count * size).reshape(count, size).astype(np.float64)
    )
    rows = np.bincount(cell, minlength=count * size).reshape(count, size).astype(np.float64)
    means = divide(sums.sum(axis=0), rows.sum(axis=0))
    named = {str(name): float(mean) for name, mean in zip(names, means, strict=True)}
    raw = _spread(means[None]), _gap(means[None])
    if size < 2 or count < 2:
        why = "fewer than two groups" if size < 2 else "only one cluster"
        none = [_undefined(float(each[0]), why, int(keep.sum()), count, level) for each in raw]
        return _made(none[0], none[1], raw, named)
    drawn = _drawn(sums, rows, draws, seed, independent=clusters is None, group=group)
    spread, gap = _corrected(raw, (_spread(drawn), _gap(drawn)), level)
    unit = "row" if clusters is None else "cluster"
    method = f"{unit} bootstrap without its bias, percentile, {draws} draws"

    def told(ends: tuple[float, float, float]) -> Estimate:
        value, low, high = ends
        return Estimate(
            value=value,
            low=low,
            high=high,
            level=level,
            n=int(keep.sum()),
            clusters=count,
            method=method,
            seed=seed,
        )

    half = size // 2
    widest = math.sqrt(half * (size - half) / (size * (size - 1)))
    # Where no draw differs, that is no certainty.
    return _made(doubted(told(spread), 0.0, widest), doubted(told(gap), 0.0, 1.0), raw, named)


def _made(spread: Estimate, gap: Estimate, raw: tuple[Floats, Floats], named: dict[str, float]) -> Inequity:
    low = min(named.values(), default=math.nan)
    return Inequity(
        spread=spread,
        spread_raw=float(raw[0][0]),
        worst_gap=gap,
        worst_gap_raw=float(raw[1][0]),
        worst=tuple(name for name, mean in named.items() if mean <= low + 1e-12),
        groups=named,
    )


def _spread(means: Floats) -> Floats:
    """Give the standard deviation over groups, shape (draws,); nan of one group."""
    there: Bools = ~np.isnan(means)
    count = there.sum(axis=1)
    middle = divide(np.where(there, means, 0.0).sum(axis=1), count)
    square = np.where(there, (means - middle[:, None]) ** 2, 0.0).sum(axis=1)
    return np.sqrt(divide(square, np.maximum(count - 1, 0)))


def _gap(means: Floats) -> Floats:
    """Give the mean over groups less the worst, shape (draws,)."""
    there: Bools = ~np.isnan(means)
    middle = divide(np.where(there, means, 0.0).sum(axis=1), there.sum(axis=1))
    return middle - np.where(there, means, np.inf).min(axis=1, initial=np.inf)


def _drawn(
    sums: Floats, rows: Floats, draws: int, seed: int, *, independent: bool, group: npt.NDArray[np.int64]
) -> Floats:
    """Draw clusters with replacement: means of groups, shape (draws, groups)."""
    rng = stream(seed, "steerable.inequity")
    count, size = sums.shape
    if independent:
        # Rows are drawn within their group: how many there are of each is no matter of chance.
        found = np.empty((draws, size))
        for place in range(size):
            own = sums[group == place, place]
            step = max(1, _BLOCK // max(len(own), 1))
            for start in range(0, draws, step):
                picks = rng.integers(len(own), size=(min(step, draws - start), len(own)))
                found[start : start + len(picks), place] = own[picks].mean(axis=1)
        return found
    parts: list[Floats] = []
    step = max(1, _BLOCK // count)
    for start in range(0, draws, step):
        block = min(step, draws - start)
        weights = rng.multinomial(count, np.full(count, 1 / count), size=block).astype(np.float64)
        parts.append(divide(weights @ sums, weights @ rows))
    return np.concatenate(parts)


def _corrected(
    raw: tuple[Floats, Floats], drawn: tuple[Floats, Floats], level: float
) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Take what drawing adds off the variance: once from the sample's, twice from the draws'.

    Deviations shrink by as much, and with them the gap, which is one of them.
    """
    spread, gap = float(raw[0][0]), float(raw[1][0])
    known = ~(np.isnan(drawn[0]) | np.isnan(drawn[1]))
    spreads, gaps = drawn[0][known], drawn[1][known]
    if not len(spreads):
        nan = (math.nan, math.nan, math.nan)
        return nan, nan
    added = float((spreads**2).mean()) - spread**2
    tail = (1 - level) / 2
    left = np.sqrt(np.maximum(spreads**2 - 2 * added, 0.0))
    shrunk = np.where(spreads > 0, left / np.where(spreads > 0, spreads, 1.0), 0.0) * gaps
    truly = math.sqrt(max(0.0, spread**2 - added))
    values = truly, gap * truly / spread if spread else 0.0
    ends = [np.quantile(each, [tail, 1 - tail]) for each in (left, shrunk)]
    first, second = (
        (value, min(value, float(low)), max(value, float(high)))
        for value, (low, high) in zip(values, ends, strict=True)
    )
    return first, second


def _undefined(value: float, why: str, n: int, clusters: int, level: float) -> Estimate:
    nan = math.nan
    method = f"no interval: {why}"
    return Estimate(value=nan, low=nan, high=nan, level=level, n=n, clusters=clusters, method=method)
