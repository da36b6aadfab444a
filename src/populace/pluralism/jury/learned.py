"""Learned welfare: which weights and which p a judge of welfare goes by.

M(u; w, p) = (sum of w_i u_i^p)^(1/p), p = 0: the product of u_i^(w_i) (Pardeshi, Shapira, Procaccia and Singh
2024, arXiv 2405.17700). Utilities of a few people or groups, above 0, in many situations; and what a judge
said of each: a number, or which of two situations is better. Fitted by least squares, or by the likelihood of
a logistic choice between M's; started at several p, since the loss is not convex.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from populace.errors import DataError
from populace.pluralism.jury._solvers import minimised
from populace.pluralism.jury.intervals import over_jurors
from populace.stats import Estimate
from populace.stats._arrays import Floats
from populace.streams import stream

__all__ = ["LearnedWelfare", "learn_welfare", "learn_welfare_of_pairs"]

_STARTS = (1.0, 0.0, -2.0)
_LOWEST = -20.0
"""Least p that is fitted: lower ones are told from the minimum by nothing."""


class LearnedWelfare(msgspec.Struct, frozen=True, kw_only=True):
    """What was learned."""

    p: Estimate
    weights: tuple[Estimate, ...]
    """Of the people or groups, summing to 1."""
    loss: float
    """Mean squared error, or mean negative log-likelihood in nats."""
    utilitarian: float
    """The same of p = 1 with its own best weights: what nothing but weights explains."""
    sharpness: float | None = None
    """Of choices: log-odds for a difference of welfare of one."""


def learn_welfare(
    utilities: npt.ArrayLike, judged: npt.ArrayLike, *, draws: int = 100, seed: int = 0, level: float = 0.95
) -> LearnedWelfare:
    """Learn from welfare that a judge put in numbers, on the scale of the utilities.

    Parameters
    ----------
    utilities
        Shape (situations, people), above 0.
    judged
        Welfare of each situation, shape (situations,).
    draws, seed, level
        Of the bootstrap over situations.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> u = rng.uniform(1, 10, (200, 2))
    >>> found = learn_welfare(u, (0.7 / u[:, 0] + 0.3 / u[:, 1]) ** -1, draws=20)  # p = -1
    >>> round(found.p.value, 3), round(found.weights[0].value, 3)
    (-1.0, 0.7)
    """
    table, said = _table("utilities", utilities), np.asarray(judged, dtype=np.float64)
    if said.shape != (len(table),) or not np.isfinite(said).all():
        raise DataError(f"`judged` has the shape {said.shape}", fix=f"give {len(table)} finite numbers")
    size = float(said.std()) or 1.0

    def loss(x: Floats, rows: Any) -> float:
        return float(np.mean(((_welfare(table[rows], x) - said[rows]) / size) ** 2))

    best, least, mean = _fitted(loss, table.shape[1], len(table), extra=0)
    return _told(
        loss, best, least * size**2, mean * size**2, (len(table), table.shape[1], 0), draws, seed, level
    )


def learn_welfare_of_pairs(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    chosen: npt.ArrayLike,
    *,
    draws: int = 100,
    seed: int = 0,
    level: float = 0.95,
) -> LearnedWelfare:
    """Learn from choices between two situations: P(first) = 1 / (1 + exp(-sharpness (M(first) - M(second)))).

    Parameters
    ----------
    first, second
        Utilities, shape (choices, people), above 0.
    chosen
        1 where the first was chosen, else 0; shape (choices,).
    draws, seed, level
        Of the bootstrap over choices.
    """
    one, other = _table("first", first), _table("second", second)
    said = np.asarray(chosen, dtype=np.float64)
    if one.shape != other.shape or said.shape != (len(one),) or not np.isin(said, (0.0, 1.0)).all():
        raise DataError("`first` and `second` need one shape, and `chosen` a 0 or 1 for each row")
    size = float(np.concatenate([one, other]).std()) or 1.0

    def loss(x: Floats, rows: Any) -> float:
        apart = (_welfare(one[rows], x[:-1]) - _welfare(other[rows], x[:-1])) / size
        odds = np.exp(np.clip(x[-1], -20, 20)) * apart * np.where(said[rows] > 0, 1.0, -1.0)
        return float(np.logaddexp(0.0, -odds).mean())

    best, least, mean = _fitted(loss, one.shape[1], len(one), extra=1)
    found = _told(loss, best, least, mean, (len(one), one.shape[1], 1), draws, seed, level)
    return msgspec.structs.replace(found, sharpness=float(np.exp(best[-1]) / size))


def _table(name: str, values: npt.ArrayLike) -> Floats:
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or not table.size or not np.isfinite(table).all() or (table <= 0).any():
        raise DataError(
            f"`{name}` must be a table of situations x people, all above 0", fix="shift it: the zero point"
        )
    return table


def _welfare(table: Floats, x: Floats) -> Floats:
    """Give welfare by p, x[0], and weights, the softmax of the rest and a 0."""
    p, logs = float(x[0]), np.concatenate([x[1:], [0.0]])
    weights = np.exp(logs - logs.max())
    weights /= weights.sum()
    values = np.log(table)
    if abs(p) < 1e-9:
        return np.exp(values @ weights)
    top = (p * values).max(axis=1, keepdims=True)
    return np.exp((top[:, 0] + np.log(np.exp(p * values - top) @ weights)) / p)


def _fitted(
    loss: Callable[[Floats, Any], float], people: int, rows: int, *, extra: int
) -> tuple[Floats, float, float]:
    every = slice(None)
    found = [_minimised(loss, np.array([p] + [0.0] * (people - 1 + extra)), every, _LOWEST) for p in _STARTS]
    mean = _minimised(loss, np.array([1.0] + [0.0] * (people - 1 + extra)), every, 1.0)
    best = min(found, key=lambda each: each[1])
    return best[0], best[1], mean[1]


def _minimised(
    loss: Callable[[Floats, Any], float], start: Floats, rows: Any, lowest: float
) -> tuple[Floats, float]:
    bounds = [(lowest, 1.0)] + [(-12.0, 12.0)] * (len(start) - 1)
    return minimised(lambda x: loss(x, rows), start, bounds)


def _told(
    loss: Callable[[Floats, Any], float],
    best: Floats,
    least: float,
    mean: float,
    shape: tuple[int, int, int],
    draws: int,
    seed: int,
    level: float,
) -> LearnedWelfare:
    rows, people, extra = shape
    rng = stream(seed, "pluralism.jury.learned")
    drawn = [_minimised(loss, best, rng.integers(rows, size=rows), _LOWEST)[0] for _ in range(draws)]
    tried = np.stack([_read(each, extra) for each in drawn]) if drawn else np.empty((0, people + 1))

    def made(place: int) -> Estimate:
        value, ends = float(_read(best, extra)[place]), (0.0, 1.0) if place else (_LOWEST, 1.0)
        size = {"n": rows, "clusters": rows}
        return over_jurors(value, tried[:, place], ends, **size, seed=seed, level=level, unit="judgement")

    return LearnedWelfare(
        p=made(0), weights=tuple(made(1 + each) for each in range(people)), loss=least, utilitarian=mean
    )


def _read(x: Floats, extra: int) -> Floats:
    logs = np.concatenate([x[1 : len(x) - extra], [0.0]])
    weights = np.exp(logs - logs.max())
    return np.concatenate([x[:1], weights / weights.sum()])
