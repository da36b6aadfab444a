"""The formulas, a number a question and group: `populace.stats.distances` as a convention has them."""

from __future__ import annotations

import math
from typing import Literal, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from populace.errors import DataError
from populace.opinions.published.metrics import near
from populace.pluralism.distributional.conventions import Convention
from populace.stats._arrays import Bools, Floats
from populace.stats.distances import jensen_shannon_distance, jensen_shannon_divergence, total_variation

__all__ = ["Positions", "measured", "positions_of", "uniform_of"]

Positions: TypeAlias = npt.ArrayLike | Literal["even"] | None

_TIE = 1e-12
"""Probabilities nearer than this are alike."""


def positions_of(given: Positions, inside: Bools) -> Floats | None:
    """Read where the options lie on their scale, shape (Q, K), nan beyond; None where nothing was said.

    Parameters
    ----------
    given
        `even` (1 apart, in their order); shape (options,), alike for all questions; or (questions, options).
    inside
        Shape (Q, K).

    Raises
    ------
    DataError
        If the shape differs, or an option that counts has no position.
    """
    if given is None:
        return None
    if isinstance(given, str):
        if given != "even":
            raise ValueError(f"positions is {given!r}; write 'even', or give numbers")
        places = np.cumsum(inside, axis=1) - 1.0
    else:
        try:
            places = np.array(np.broadcast_to(np.asarray(given, dtype=np.float64), inside.shape))
        except ValueError as error:
            what = (
                f"`positions` has the shape {np.shape(cast(npt.ArrayLike, given))} and needs {inside.shape}"
            )
            raise DataError(what, fix="give one number an option, nan beyond a question's options") from error
    bad = np.flatnonzero((inside & ~np.isfinite(places)).any(axis=1))
    if bad.size:
        raise DataError(
            "an option has no position, so that W1 is not defined",
            row=int(bad[0]) + 1,
            fix="leave out questions whose options have no order (agree, disagree, pass)",
        )
    return np.where(inside, places, np.nan)


def measured(
    how: Convention, model: Floats, human: Floats, inside: Bools, positions: Floats | None = None
) -> Floats:
    """Measure every cell.

    Parameters
    ----------
    how
        With its base settled; `skill`, which no single question has, gives total variation.
    model, human
        Shape (Q, G, K), as `Table` has them.
    inside
        Shape (Q, K).
    positions
        Shape (Q, K), for W1 and closeness.

    Returns
    -------
    Shape (Q, G), nan where a side is; infinite where a Kullback-Leibler divergence is.

    Raises
    ------
    DataError
        If W1 is asked for and nothing says how the options lie.
    """
    there = ~np.isnan(model[..., 0] + human[..., 0])
    p, q = (np.where(there[..., None], side, 0.0) for side in (human, model))
    if how.smoothing:
        p, q = (_smoothed(side, how.smoothing, inside) for side in (p, q))
    return np.where(there, _values(how, p, q, there, inside, positions), np.nan)


def uniform_of(inside: Bools, groups: int) -> Floats:
    """Give the distribution that knows nothing, shape (Q, groups, K).

    Examples
    --------
    >>> uniform_of(np.array([[True, True, False]]), 1).tolist()
    [[[0.5, 0.5, 0.0]]]
    """
    even = inside / np.maximum(inside.sum(axis=1, keepdims=True), 1)
    return np.repeat(even[:, None], groups, axis=1)


def _values(
    how: Convention, p: Floats, q: Floats, there: Bools, inside: Bools, positions: Floats | None
) -> Floats:
    base = how.base or math.e
    if how.metric in ("tv", "skill"):
        return total_variation(p, q)
    if how.metric == "js_divergence":
        return jensen_shannon_divergence(p, q, base)
    if how.metric in ("js_distance", "js_similarity"):
        distance = jensen_shannon_distance(p, q, base)
        return 1 - distance if how.metric == "js_similarity" else distance
    if how.metric == "argmax_match":
        return _match(p, q, inside)
    if how.metric in ("w1_ordinal", "closeness"):
        if positions is None:
            what = f"{how.name} needs an order of the options, and nothing says that there is one"
            raise DataError(what, fix='give positions="even" where their order means something, or numbers')
        return _along(how, p, q, there, positions)
    first, second = (q, p) if how.metric == "kl_reverse" else (p, q)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(first > 0, -first * np.log(second), 0.0)
        if how.metric != "cross_entropy":
            terms += np.where(first > 0, first * np.log(np.where(first > 0, first, 1.0)), 0.0)
    total = terms.sum(axis=-1) / math.log(base)
    return total if how.metric == "cross_entropy" else np.maximum(total, 0.0)


def _smoothed(side: Floats, amount: float, inside: Bools) -> Floats:
    raised = np.where(inside[:, None], side + amount, 0.0)
    return raised / np.maximum(raised.sum(axis=-1, keepdims=True), amount)


def _match(p: Floats, q: Floats, inside: Bools) -> Floats:
    """Of the model's likeliest options, the share that are likeliest among people: ties are not broken."""
    counts = np.broadcast_to(inside[:, None], p.shape)
    tops = [counts & (side >= side.max(axis=-1, keepdims=True) - _TIE) for side in (p, q)]
    return (tops[0] & tops[1]).sum(axis=-1) / np.maximum(tops[1].sum(axis=-1), 1)


def _along(how: Convention, p: Floats, q: Floats, there: Bools, positions: Floats) -> Floats:
    """Move mass along the scale: a scale at a time, of which there are few."""
    found = np.full(p.shape[:2], np.nan)
    scales, which = np.unique(positions, axis=0, return_inverse=True, equal_nan=True)
    for number, scale in enumerate(scales):
        rows = np.flatnonzero(which.ravel() == number)
        on = np.flatnonzero(~np.isnan(scale))
        some = there[rows]
        extent = float(scale[on].max() - scale[on].min())
        if extent <= 0:
            raise DataError("all options of a question have one position", row=int(rows[0]) + 1)
        mine, theirs = (side[rows][..., on][some] for side in (q, p))
        part = np.full(some.shape, np.nan)
        part[some] = near(mine, theirs, scale[on].tolist())
        found[rows] = part if how.metric == "closeness" else (1 - part) * extent
    return found
