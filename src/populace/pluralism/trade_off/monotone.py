"""Whether an objective rises with its own weight: pairs in the wrong order, and the distance from any rise.

Only steering functions of one family are compared (`SteeringFunction.family`). Equal weights are no pair, and
equal outcomes of unequal weights are pairs of their own: a model that ignores its weights ties everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from populace.pluralism.multi_objective.points import Floats
from populace.pluralism.trade_off.functions import SteeringFunction
from populace.pluralism.trade_off.means import Means
from populace.stats import Estimate

__all__ = ["Monotonicity", "between", "isotonic", "monotonicity"]

_ROUNDING = 1e-12


class Monotonicity(msgspec.Struct, frozen=True, kw_only=True):
    """How an objective follows its own weight."""

    objective: str
    violated: Estimate
    """Share of the pairs of unequal weights in which the higher weight got strictly less."""
    tied: float
    """Share in which both got the same."""
    tau: Estimate
    """Risen less fallen pairs, over all pairs of unequal weights (Kendall's tau-b without the ties' root)."""
    gap: Estimate
    """Mean distance of outcomes from the nearest rising curve, in the units of the objective."""
    gain: Estimate
    """Outcome at the highest weight less that at the lowest, a mean over families."""
    pairs: int


def isotonic(values: Floats, weights: Floats) -> Floats:
    """Fit the nearest curve that does not fall with the weight, by least squares (pool adjacent violators).

    Parameters
    ----------
    values
        Shape (..., points).
    weights
        Shape (points,). Points of one weight need not agree: they are put in the order of their values
        (the primary treatment of ties of Kruskal 1964).

    Examples
    --------
    By hand: 3 and 1 are out of order, and become 2 and 2.

    >>> isotonic(np.array([0.0, 3.0, 1.0, 4.0]), np.array([0, 0.3, 0.6, 1.0])).tolist()
    [0.0, 2.0, 2.0, 4.0]
    """
    order = np.lexsort((values, np.broadcast_to(weights, values.shape)), axis=-1)
    ordered = np.take_along_axis(values, order, axis=-1)
    # Min-max: the fit at i is the largest, over starts up to i, of the smallest mean to an end from i on.
    count = ordered.shape[-1]
    sums = np.concatenate([np.zeros((*ordered.shape[:-1], 1)), np.cumsum(ordered, axis=-1)], axis=-1)
    fit = np.full(ordered.shape, -np.inf)
    for start in range(count):
        sizes = np.arange(1, count - start + 1, dtype=np.float64)
        means: Floats = (sums[..., start + 1 :] - sums[..., start : start + 1]) / sizes
        least = np.minimum.accumulate(means[..., ::-1], axis=-1)[..., ::-1]
        fit[..., start:] = np.maximum(fit[..., start:], least)
    found = np.empty_like(fit)
    np.put_along_axis(found, order, fit, axis=-1)
    return found


def monotonicity(
    means: Means, steered: Sequence[int], functions: Sequence[SteeringFunction], objectives: Sequence[str]
) -> tuple[Monotonicity, ...]:
    """Hold each objective against its own weight, among functions of one family.

    Parameters
    ----------
    means
        Of all outcomes.
    steered
        Which outcome is that of each function.
    functions, objectives
        The functions, and the names of the objectives. An objective whose weight is the same everywhere is
        left out.
    """
    families = [function.family for function in functions]
    found: list[Monotonicity] = []
    for place, name in enumerate(objectives):
        weights = np.array([function.weights[place] for function in functions])
        groups = [
            np.array([at for at, each in enumerate(families) if each == one]) for one in set_of(families)
        ]
        groups = [group for group in groups if len(np.unique(weights[group])) > 1]
        if groups:
            found.append(_of_one(means, steered, groups, weights, place, name))
    return tuple(found)


def between(means: Means, steered: Sequence[int], functions: Sequence[SteeringFunction]) -> Estimate:
    """Estimate how far between the ends the outcomes of mixed weights lie (`TradeOff.between`).

    Ends that cannot be told apart have no between: noise alone puts every outcome far from both, in units of
    a distance that is noise too. Two ends are told apart where they differ on some objective by an interval
    without 0, at the level divided by the number of objectives.
    """
    aims: dict[int, list[int]] = {}
    mixed: list[int] = []
    for at, function in zip(steered, functions, strict=True):
        if max(function.weights) >= 1 - _ROUNDING:
            aims.setdefault(int(np.argmax(function.weights)), []).append(at)
        else:
            mixed.append(at)
    # Several families have the same ends: one single aim is one end, the mean of theirs.
    if len(aims) < 2 or not mixed:
        return means.estimate(float("nan"), np.empty(0))
    value = float(_between(means.whole[None], list(aims.values()), mixed)[0])
    if means.resampled is None:
        return means.estimate(value, None)
    if not _told_apart(_ends(means.resampled, list(aims.values())), means.level):
        value = float("nan")
    return means.estimate(value, _between(means.resampled, list(aims.values()), mixed))


def _ends(points: Floats, aims: Sequence[Sequence[int]]) -> Floats:
    """Give the outcome of each single aim, shape (draws, aims, objectives)."""
    return np.stack([points[:, list(each)].mean(axis=1) for each in aims], axis=1)


def _told_apart(ends: Floats, level: float) -> bool:
    """Say whether every two ends, shape (draws, aims, objectives), differ beyond their noise."""
    tail = (1 - level) / 2 / ends.shape[2]
    one, other = np.triu_indices(ends.shape[1], 1)
    low, high = np.quantile(ends[:, one] - ends[:, other], [tail, 1 - tail], axis=0)
    differ = (low > _ROUNDING) | (high < -_ROUNDING)
    return bool(differ.any(axis=1).all())


def _between(points: Floats, aims: Sequence[Sequence[int]], mixed: Sequence[int]) -> Floats:
    """Give the mean distance of mixed outcomes from the ends, shape (draws,)."""
    ends = _ends(points, aims)
    one, other = np.triu_indices(ends.shape[1], 1)
    apart = np.linalg.norm(ends[:, one] - ends[:, other], axis=-1).min(axis=1)
    near = np.linalg.norm(points[:, list(mixed)][:, :, None] - ends[:, None, :], axis=-1).min(axis=2)
    half = np.where(apart > _ROUNDING, apart, np.nan) / 2
    return np.minimum(1.0, near / half[:, None]).mean(axis=1)


def set_of(names: Sequence[str]) -> list[str]:
    """Return the distinct names in their order."""
    return list(dict.fromkeys(names))


def _of_one(
    means: Means,
    steered: Sequence[int],
    groups: Sequence[np.ndarray[tuple[int], np.dtype[np.int64]]],
    weights: Floats,
    place: int,
    name: str,
) -> Monotonicity:
    value, pairs = _counted(means.whole[None, list(steered), place], groups, weights)
    drawn = None
    if means.resampled is not None:
        drawn = _counted(means.resampled[:, list(steered), place], groups, weights)[0]

    def estimate(row: int) -> Estimate:
        return means.estimate(float(value[row, 0]), None if drawn is None else drawn[row])

    return Monotonicity(
        objective=name,
        violated=estimate(0),
        tied=float(value[1, 0]),
        tau=estimate(2),
        gap=estimate(3),
        gain=estimate(4),
        pairs=pairs,
    )


def _counted(
    values: Floats, groups: Sequence[np.ndarray[tuple[int], np.dtype[np.int64]]], weights: Floats
) -> tuple[Floats, int]:
    """Give violated, tied, tau, gap and gain, shape (5, draws), of values, shape (draws, functions)."""
    fallen, tied, pairs = np.zeros(len(values)), np.zeros(len(values)), 0
    gap, gain, points = np.zeros(len(values)), np.zeros(len(values)), 0
    for group in groups:
        inside, own = values[:, group], weights[group]
        low, high = np.nonzero(own[:, None] < own[None, :])
        rise = inside[:, high] - inside[:, low]
        fallen += (rise < -_ROUNDING).sum(axis=1)
        tied += (np.abs(rise) <= _ROUNDING).sum(axis=1)
        pairs += len(low)
        gap += np.abs(inside - isotonic(inside, own)).sum(axis=1)
        points += len(group)
        ends = own == own.max(), own == own.min()
        gain += inside[:, ends[0]].mean(axis=1) - inside[:, ends[1]].mean(axis=1)
    risen = pairs - fallen - tied
    rows = [fallen / pairs, tied / pairs, (risen - fallen) / pairs, gap / points, gain / len(groups)]
    return np.stack(rows), pairs
