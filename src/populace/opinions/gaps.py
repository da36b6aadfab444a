"""Is somebody predicted worse? A mean score of each group, and how far groups truly differ.

The means of groups differ by chance even where all are predicted alike, and the smaller the groups the
more. The standard deviation of the true means is estimated by Paule and Mandel's method (1982), with the
interval of its Q profile (Viechtbauer 2007, doi:10.1002/sim.2514): the spreads for which the means are
neither too far from each other nor too near. Each group's mean is then drawn to that of all, as far as
chance made it.

Errors are estimated too, and squared distances in units of estimated errors are larger, by
(n - 1) / (n - 3) with n respondents. They are widened by that, or small groups would differ too often.

Items count as they are: the intervals are about other respondents asked the same items, even where these
are few.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec
import numpy as np
import polars as pl

from populace.errors import DataError
from populace.opinions.cells import Handling, scored
from populace.opinions.groups import groups_of
from populace.opinions.measures import MEASURES
from populace.opinions.splits import Split
from populace.opinions.table import Opinions
from populace.stats.crossed import crossed_ratio
from populace.stats.estimate import Estimate

__all__ = ["Spread", "spread_of_means", "subgroup_gaps"]

_FEWEST = 10
"""Respondents that a group must have for its mean to have an error worth the name."""


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """How far groups differ, once chance is taken off."""

    mean: float
    """Of all groups, each weighted by what is known of it."""
    spread: Estimate
    """Standard deviation of the true means."""
    shrunken: tuple[float, ...]
    """Each group's mean, drawn to that of all."""
    q: float
    """Cochran's: squared distances of the means from theirs, in units of their errors."""
    p_value: float
    """Of no difference at all."""


def spread_of_means(values: np.ndarray, errors: np.ndarray, *, level: float = 0.95) -> Spread:
    """Estimate the standard deviation of true means of which noisy ones are known.

    Parameters
    ----------
    values
        Shape (groups,), their means.
    errors
        Standard errors, above zero; groups are taken as independent.
    level
        Coverage of the interval.

    Raises
    ------
    DataError
        If an error is missing or not above zero, or shapes differ.

    Examples
    --------
    Two groups with errors of 0.1: Q is 0.4^2 / (2 * 0.01) = 8, and 1 at a variance of 0.07.

    >>> found = spread_of_means(np.array([0.3, 0.7]), np.array([0.1, 0.1]))
    >>> round(found.q, 6), round(found.spread.value**2, 6), [round(x, 3) for x in found.shrunken]
    (8.0, 0.07, [0.325, 0.675])
    """
    from scipy.special import chdtrc, chdtri

    y, s = np.asarray(values, dtype=np.float64), np.asarray(errors, dtype=np.float64)
    if (
        y.shape != s.shape
        or y.ndim != 1
        or not (np.isfinite(y).all() and np.isfinite(s).all() and (s > 0).all())
    ):
        raise DataError("means and errors of groups must be finite, and errors above zero")
    k = y.size
    if k < 2:
        nan = math.nan
        none = Estimate(
            value=nan,
            low=nan,
            high=nan,
            level=level,
            n=k,
            clusters=k,
            method="no interval: fewer than two groups",
        )
        return Spread(mean=float(y[0]) if k else nan, spread=none, shrunken=tuple(y), q=nan, p_value=nan)
    q = _q(y, s, 0.0)
    tail = (1 - level) / 2
    # The Q of a small variance is large: the upper quantile gives the lower end.
    ends = [
        _root(y, s, target)
        for target in (k - 1.0, float(chdtri(k - 1, tail)), float(chdtri(k - 1, 1 - tail)))
    ]
    weight = 1 / (s**2 + ends[0])
    mean = float(weight @ y / weight.sum())
    own = ends[0] / (s**2 + ends[0])
    spread = Estimate(
        value=math.sqrt(ends[0]),
        low=math.sqrt(ends[1]),
        high=math.sqrt(ends[2]),
        level=level,
        n=k,
        clusters=k,
        method="Paule-Mandel, Q profile",
    )
    return Spread(
        mean=mean,
        spread=spread,
        shrunken=tuple((mean + own * (y - mean)).tolist()),
        q=q,
        p_value=float(chdtrc(k - 1, q)),
    )


def subgroup_gaps(
    opinions: Opinions,
    split: Split,
    tables: Mapping[str, np.ndarray],
    by: tuple[str, ...],
    *,
    measure: str = "accuracy",
    cells: np.ndarray | None = None,
    refusals: Handling = "raise",
    level: float = 0.95,
) -> pl.DataFrame:
    """Compare how well groups are predicted.

    Parameters
    ----------
    opinions, split, tables, cells, refusals
        See `populace.opinions.scores.individual_scores`.
    by
        Attributes whose values are the groups; numbers become four bands.
    measure
        A mean over cells: `accuracy`, `log score`, `Brier score` or `ranked probability score`.
    level
        Coverage aimed at.

    Returns
    -------
    A row a table, attribute and group: `predictor, attribute, group, people, value, low, high, method` (its
    mean, clustered by respondent), `gap` (less the mean of all groups), `shrunken`, and of the attribute as
    a whole `spread, spread_low, spread_high, p_value`. Groups of fewer than 10 respondents are there,
    without a part in the spread (`shrunken` is null).

    Raises
    ------
    DataError
        If an attribute is none, or the measure no mean over cells.
    """
    kind = MEASURES.get(measure)
    score = getattr(kind, "score", None)
    if kind is None or score is None:
        raise DataError(f"{measure!r} is no mean over cells", fix="take accuracy, or the log score")
    of = scored(opinions, split, tables, cells, refusals)
    counts = of.cells.ordinal if kind.ordinal else np.ones(len(of.cells), dtype=bool)
    weights = np.where(counts, of.cells.weights, 0.0)
    found: list[dict[str, object]] = []
    people = opinions.people[split.test]
    for name, p in of.padded.items():
        values = score(p, of.cells.truth, sizes=of.cells.sizes)
        for attribute in by:
            labels = groups_of(people, attribute)
            rows = _groups(values, weights, of.cells.rows, labels, kind.within, level)
            found += [{"predictor": name, "attribute": attribute, **row} for row in rows]
    return pl.DataFrame(found, schema=SCHEMA)


SCHEMA = {
    **dict.fromkeys(("predictor", "attribute", "group"), pl.String),
    "people": pl.Int64,
    **dict.fromkeys(("value", "low", "high"), pl.Float64),
    "method": pl.String,
    **dict.fromkeys(("gap", "shrunken", "spread", "spread_low", "spread_high", "p_value"), pl.Float64),
}


def _groups(
    values: np.ndarray,
    weights: np.ndarray,
    rows: np.ndarray,
    labels: pl.Series,
    within: tuple[float, float] | None,
    level: float,
) -> list[dict[str, object]]:
    """Score the groups of one attribute, and how far they differ."""
    found: list[dict[str, object]] = []
    errors: list[float] = []
    enough: list[bool] = []
    for group in labels.drop_nulls().unique().sort():
        member = (labels == group).fill_null(value=False).to_numpy()[rows] & (weights > 0)
        people = int(np.unique(rows[member]).size)
        made = crossed_ratio(
            (weights * values)[member], weights[member], rows[member], within=within, level=level
        )
        widened = math.sqrt((people - 1) / (people - 3)) if people > 3 else math.nan
        errors.append(widened * _error(values[member], weights[member], rows[member]))
        enough.append(people >= _FEWEST and errors[-1] > 0)
        ends = {"value": made.value, "low": made.low, "high": made.high, "method": made.method}
        found.append({"group": str(group), "people": people, **ends})
    fine = np.flatnonzero(enough).tolist()
    means = np.array([found[place]["value"] for place in fine], dtype=np.float64)
    spread = spread_of_means(means, np.array([errors[place] for place in fine]), level=level)
    shrunken = dict(zip(fine, spread.shrunken, strict=True))
    for place, row in enumerate(found):
        row["gap"] = float(row["value"]) - spread.mean  # pyright: ignore[reportArgumentType]
        row["shrunken"] = shrunken.get(place)
        row["spread"], row["p_value"] = spread.spread.value, spread.p_value
        row["spread_low"], row["spread_high"] = spread.spread.low, spread.spread.high
    return found


def _error(values: np.ndarray, weights: np.ndarray, rows: np.ndarray) -> float:
    """Give the standard error of a weighted mean, clustered by respondent."""
    people, code = np.unique(rows, return_inverse=True)
    if people.size < 2:
        return math.nan
    moved = weights * (values - np.average(values, weights=weights)) / weights.sum()
    sums = np.bincount(code, weights=moved)
    return math.sqrt(people.size / (people.size - 1) * float(sums @ sums))


def _q(y: np.ndarray, s: np.ndarray, variance: float) -> float:
    weight = 1 / (s**2 + variance)
    return float((weight * (y - weight @ y / weight.sum()) ** 2).sum())


def _root(y: np.ndarray, s: np.ndarray, target: float) -> float:
    """Find the variance at which Q is a target; 0 where it is below it without any."""
    if _q(y, s, 0.0) <= target:
        return 0.0
    low, high = 0.0, float(np.ptp(y) ** 2 + (s**2).max())
    while _q(y, s, high) > target:
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if _q(y, s, middle) > target else (low, middle)
        if high - low <= 1e-15 * high:
            break
    return (low + high) / 2
