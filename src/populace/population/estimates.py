"""Figures of people with intervals: from replicate weights where there are any, else linearised.

Replicate weights R times over give the variance c · Σ (θᵣ − θ)², where θᵣ is the figure under the r-th set.
The American Community Survey's 80 are of successive difference replication, c = 4/80 (Fay and Train, 1995;
U.S. Census Bureau, "PUMS Accuracy of the Data"). Without replicate weights, the figure's linearised residuals
are summed by household, where people have one, else by person, and vary between these (ultimate clusters
drawn with replacement; Särndal, Swensson and Wretman, 1992, Model Assisted Survey Sampling, chapter 5);
quantiles have Woodruff's interval (1952, Journal of the American Statistical Association 47). That takes no
account of strata or of raking, so it is mostly a little wide. Who was drawn into a sample more than once is
one person: the interval is for the people that the survey stands for, of whom a second row says nothing new.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist
from typing import Literal, TypeAlias

import msgspec
import numpy as np
import polars as pl

from populace.errors import DataError
from populace.population.figures import Mean, Quantile, Share, numbers, ratio
from populace.population.ids import clusters, person_weights
from populace.population.targets import NONE, with_readings
from populace.population.weights import Floats, check_weights, effective_size, tally, total_of
from populace.stats import Estimate

__all__ = [
    "Kind",
    "design_effect_of",
    "estimate",
    "replicate_estimate",
    "shares_of",
]

Kind: TypeAlias = Literal["sdr", "brr", "jackknife", "bootstrap"]
_NAMES = {
    "sdr": "successive difference replication",
    "brr": "balanced repeated replication",
    "jackknife": "jackknife",
    "bootstrap": "bootstrap weights",
}
_OF_TABLE = ("value", "share", "low", "high", "people", "method")
Statistic: TypeAlias = Callable[[pl.DataFrame, Floats], float]


def replicate_estimate(
    frame: pl.DataFrame,
    statistic: Statistic,
    *,
    weight: str = "weight",
    prefix: str = "replicate_",
    kind: Kind = "sdr",
    fay: float = 0.0,
    level: float = 0.95,
) -> Estimate:
    """Estimate any figure, with an interval from replicate weights.

    Parameters
    ----------
    frame
        People, with `weight` and columns `prefix` + number.
    statistic
        Computes the figure from the frame and weights, shape (people,).
    weight, prefix
        Columns of the weights.
    kind
        How the replicates were made, which gives c: `sdr` 4/R; `brr` 1/(R (1 − fay)²); `jackknife`, one unit
        left out, (R − 1)/R; `bootstrap` 1/R.
    fay
        Fay's coefficient, of `brr`.
    level
        Coverage that the interval aims at; it is the normal one, value ± z · standard error.

    Raises
    ------
    DataError
        If there are no replicate weights, or one is missing.

    Examples
    --------
    >>> people = pl.DataFrame({"x": [0, 1], "weight": [1, 1], "replicate_1": [1, 3], "replicate_2": [3, 1]})
    >>> found = replicate_estimate(people, Mean("x"))  # √(4/2 · 2 · 0.25²) = 0.5
    >>> round((found.high - found.value) / 1.959964, 4)
    0.5
    """
    names = _replicates(frame, prefix)
    if not names:
        fix = "read the file with its replicate weights, or use `estimate`, which does without"
        raise DataError("there are no replicate weights", column=f"{prefix}1", fix=fix)
    value = float(statistic(frame, check_weights(frame[weight].cast(pl.Float64).to_numpy(), weight)))
    others = [float(statistic(frame, _replicate(frame, name))) for name in names]
    error = math.sqrt(_scale(kind, len(names), fay) * math.fsum((other - value) ** 2 for other in others))
    method = f"{_NAMES[kind]}, {len(names)} replicates"
    return _interval(value, error, frame.height, len(names), method, level)


def estimate(
    frame: pl.DataFrame,
    figure: Share | Mean | Quantile,
    *,
    weight: str = "weight",
    prefix: str = "replicate_",
    kind: Kind = "sdr",
    level: float = 0.95,
) -> Estimate:
    """Estimate a share, mean or quantile, with the best interval that the frame allows.

    Raises
    ------
    DataError
        If a column is missing or holds no numbers.

    Examples
    --------
    >>> people = pl.DataFrame({"sex": ["F", "M"] * 50, "weight": [1.0] * 100})
    >>> print(estimate(people, Share("sex", "F")))  # 0.5 ± 1.96 · √(0.25 / 99)
    0.500 [0.402, 0.598] (95 %, n=100, 100 clusters)
    """
    weights = check_weights(frame[weight].cast(pl.Float64).to_numpy(), weight)
    if _replicates(frame, prefix):
        found = replicate_estimate(frame, figure, weight=weight, prefix=prefix, kind=kind, level=level)
        return _as_share(found, frame, weights) if isinstance(figure, Share) else found
    unit, units, by = clusters(frame)
    value = figure(frame, weights)
    if isinstance(figure, Quantile):
        values = numbers(frame, figure.column)
        below = (values <= value).astype(np.float64)
        error = _linearised(below, (~np.isnan(values)).astype(np.float64), weights, unit, units)
        z = NormalDist().inv_cdf((1 + level) / 2)
        low, high = figure.at(frame, weights, figure.share + z * error * np.array([-1.0, 1.0]))
        method = f"Woodruff, by {by}"
        return Estimate(
            value=value,
            low=float(low),
            high=float(high),
            level=level,
            n=frame.height,
            clusters=units,
            method=method,
        )
    error = _linearised(*figure.parts(frame), weights, unit, units)
    found = _interval(value, error, frame.height, units, f"linearised, by {by}", level)
    return _as_share(found, frame, weights) if isinstance(figure, Share) else found


def shares_of(
    frame: pl.DataFrame, column: str, *, by: str | Sequence[str] | None = None, level: float = 0.95
) -> pl.DataFrame:
    """Give the share of every value of a column with its interval, overall or in every group.

    Returns
    -------
    polars.DataFrame
        The columns of `by`, `value`, `share`, `low`, `high`, `people` (rows), `method`.

    Raises
    ------
    DataError
        If a column is missing.

    Examples
    --------
    >>> people = pl.DataFrame({"sex": ["F", "M"] * 50, "weight": [1.0, 3.0] * 50})
    >>> shares_of(people, "sex").select("value", "share", "people").rows()
    [('F', 0.25, 50), ('M', 0.75, 50)]
    """
    groups = [] if by is None else [by] if isinstance(by, str) else list(by)
    _apart(column, groups)
    read = with_readings(frame, [column, *groups])
    people = frame.with_columns(read.select(column, *groups))
    rows = []
    keys = people.select(groups).unique().sort(groups).rows() if groups else [()]
    for key in keys:
        match = [pl.col(name).eq_missing(pl.lit(value)) for name, value in zip(groups, key, strict=True)]
        part = people.filter(match) if match else people
        for value in part[column].unique().sort(nulls_last=True):
            # Households outside a group have no residual: without them only C / (C - 1) changes.
            found = estimate(part, Share(column, value), level=level)
            count = part.filter(pl.col(column).eq_missing(pl.lit(value))).height
            label = NONE if value is None else str(value)
            rows.append((*key, label, found.value, found.low, found.high, count, found.method))
    return pl.DataFrame(rows, schema=[*groups, *_OF_TABLE], orient="row")


def _apart(column: str, groups: list[str]) -> None:
    """Refuse a table with two columns of one name."""
    if column in groups or len(set(groups)) < len(groups):
        twice = column if column in groups else next(name for name in groups if groups.count(name) > 1)
        raise DataError("this column is asked for twice", column=twice, fix="group by other columns")
    if taken := next((name for name in groups if name in _OF_TABLE), None):
        what = "the table has a column of this name already"
        raise DataError(what, column=taken, fix="rename the column")


def design_effect_of(frame: pl.DataFrame, figure: Share | Mean, *, weight: str = "weight") -> float:
    """Give the variance of a figure over that of a simple random sample of as many people.

    Replicate weights, or else weights and households, decide the first; unlike Kish's effect of weighting,
    it is that of this figure.

    Examples
    --------
    Twins answer alike, so two of them tell as much as one.

    >>> twins = pl.DataFrame({"household_id": ["a", "a", "b", "b", "c", "c", "d", "d"],
    ...     "person_id": list("12345678"), "x": [0, 0, 1, 1, 0, 0, 1, 1], "weight": [1.0] * 8})
    >>> round(design_effect_of(twins, Mean("x")) * 3 / 7, 6)  # of 4 and of 8 independent, less one each
    1.0
    """
    weights = check_weights(frame[weight].cast(pl.Float64).to_numpy(), weight)
    values, counts = figure.parts(frame)
    known = weights * counts
    mean = ratio(values, counts, weights)
    spread = total_of(known * (values - mean) ** 2) / total_of(known)
    people = np.count_nonzero(known)
    found = estimate(frame, figure, weight=weight, level=0.95)
    unit, units, _ = clusters(frame)
    if _replicates(frame, "replicate_"):
        error = (replicate_estimate(frame, figure, weight=weight).high - found.value) / NormalDist().inv_cdf(
            0.975
        )
    else:
        error = _linearised(values, counts, weights, unit, units)
    return float(error**2 / (spread / (people - 1))) if spread > 0 and people > 1 else float("nan")


def _replicates(frame: pl.DataFrame, prefix: str) -> list[str]:
    names = [n for n in frame.columns if n.startswith(prefix) and n.removeprefix(prefix).isdigit()]
    return sorted(names, key=lambda name: int(name.removeprefix(prefix)))


def _replicate(frame: pl.DataFrame, name: str) -> Floats:
    values = frame[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
    if not np.isfinite(values).all():
        row = int(np.flatnonzero(~np.isfinite(values))[0]) + 1
        raise DataError("a replicate weight is missing", row=row, column=name, fix="read the file again")
    return values


def _scale(kind: Kind, replicates: int, fay: float) -> float:
    if kind not in _NAMES or not 0 <= fay < 1:
        raise DataError(f"there are no replicates {kind} with {fay}", fix=f"give one of {', '.join(_NAMES)}")
    by_kind = {
        "sdr": 4 / replicates,
        "brr": 1 / (replicates * (1 - fay) ** 2),
        "jackknife": (replicates - 1) / replicates,
        "bootstrap": 1 / replicates,
    }
    return by_kind[kind]


def _linearised(values: Floats, counts: Floats, weights: Floats, unit: np.ndarray, units: int) -> float:
    """Give the standard error of a ratio: residuals by cluster, clusters as if drawn with replacement."""
    mean, whole = ratio(values, counts, weights), total_of(weights * counts)
    if units < 2 or math.isnan(mean):
        return float("nan")
    residual = tally(unit, weights * counts * (values - mean), units) / whole
    return math.sqrt(units / (units - 1) * total_of(residual**2))


def _interval(value: float, error: float, n: int, clusters: int, method: str, level: float) -> Estimate:
    if not 0 < level < 1:
        raise ValueError(f"level is {level} and must lie between 0 and 1")
    half = NormalDist().inv_cdf((1 + level) / 2) * error
    return Estimate(
        value=value, low=value - half, high=value + half, level=level, n=n, clusters=clusters, method=method
    )


def _as_share(found: Estimate, frame: pl.DataFrame, weights: Floats) -> Estimate:
    """Cut the interval of a share to what a share can be; where nobody or everybody has it, widen it.

    Then no weights vary and nothing says how much persons of a household resemble one another: Clopper and
    Pearson's interval is that of persons, at their effective number.
    """
    if not found.defined:
        return found
    if found.value in (0.0, 1.0):
        far = 1 - ((1 - found.level) / 2) ** (1 / effective_size(person_weights(frame, weights)))
        low, high = (0.0, far) if found.value == 0 else (1 - far, 1.0)
        method = "Clopper and Pearson, one-sided, at the effective size"
        return msgspec.structs.replace(found, low=low, high=high, method=method)
    if math.isnan(found.low):
        return found
    return msgspec.structs.replace(found, low=max(found.low, 0.0), high=min(found.high, 1.0))
