"""Scores of forecasts over several options, one number a row: accuracy, log, Brier, ranked probability.

A forecast is a row of probabilities for the options of its question. Questions differ in options: rows are
padded with zeros to the widest, and `sizes` says how many options each has. A row that is nan throughout is a
refusal: there was a question and no forecast. It scores nan, or what a uniform forecast scores where
`refusals="uniform"` says so; `refused` counts them, and nobody else leaves them out.

All but accuracy are strictly proper (Gneiting and Raftery 2007, doi:10.1198/016214506000001437): only to say
what one believes has the best expected score. Accuracy sees the likeliest option only.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from populace.errors import DataError
from populace.stats._arrays import Bools, Floats, Ints, divide

__all__ = ["Refusals", "brier_scores", "hits", "log_scores", "ranked_scores", "refused"]

Refusals: TypeAlias = Literal["nan", "uniform"]

_SUM = 1e-6
"""How far from 1 the probabilities of a row may add up."""
_TIE = 1e-12
"""Probabilities nearer than this are alike."""


def refused(probabilities: npt.ArrayLike, sizes: npt.ArrayLike | None = None) -> Bools:
    """Tell which rows are refusals, shape (rows,): nan over all their options.

    Examples
    --------
    >>> refused([[0.5, 0.5], [float("nan"), float("nan")]]).tolist()
    [False, True]
    """
    p, count = _rows(probabilities, sizes)
    return np.asarray((np.isnan(p) | ~_inside(count, p.shape[1])).all(axis=1), dtype=np.bool_)


def hits(
    probabilities: npt.ArrayLike,
    truth: npt.ArrayLike,
    *,
    sizes: npt.ArrayLike | None = None,
    refusals: Refusals = "nan",
) -> Floats:
    """Tell whether the likeliest option happened: 1, 0, or a share where several are likeliest.

    Of t options that are equally likely, the one that happened counts 1/t: what a guess among them would
    score, whatever their order. Best is 1.

    Parameters
    ----------
    probabilities
        Shape (rows, widest), each row adding up to 1 over its options; nan throughout for a refusal.
    truth
        Shape (rows,), the number of the option that happened, from 0.
    sizes
        Shape (rows,), options of each row; all have the widest by default. What stands beyond is not read.
    refusals
        What a refusal scores: `nan`, or as a `uniform` forecast.

    Returns
    -------
    Shape (rows,).

    Raises
    ------
    DataError
        If shapes differ, an option that happened is none of its row, or a row is no distribution.
    ValueError
        If `refusals` is neither.

    Examples
    --------
    >>> hits([[0.2, 0.5, 0.3], [0.4, 0.4, 0.2]], [1, 0]).tolist()
    [1.0, 0.5]
    """
    p, happened, count = _forecasts(probabilities, truth, sizes, refusals)
    inside = _inside(count, p.shape[1])
    best = np.where(inside, p, -1.0).max(axis=1, initial=-1.0)
    among = inside & (p >= best[:, None] - _TIE)
    share = among[np.arange(len(p)), happened] / np.maximum(among.sum(axis=1), 1)
    return np.where(np.isnan(best), np.nan, share)


def log_scores(
    probabilities: npt.ArrayLike,
    truth: npt.ArrayLike,
    *,
    sizes: npt.ArrayLike | None = None,
    refusals: Refusals = "nan",
    floor: float = 1e-6,
) -> Floats:
    """Give the logarithm of the probability of what happened, in nats: 0 is best (Good 1952).

    A probability below `floor` counts as `floor`; one certain error would otherwise outweigh everything.
    Other parameters and errors are those of `hits`.

    Examples
    --------
    >>> log_scores([[0.2, 0.5, 0.3], [0.0, 0.5, 0.5]], [1, 0]).round(3).tolist()
    [-0.693, -13.816]
    """
    p, happened, _ = _forecasts(probabilities, truth, sizes, refusals)
    return np.log(np.maximum(p[np.arange(len(p)), happened], floor))


def brier_scores(
    probabilities: npt.ArrayLike,
    truth: npt.ArrayLike,
    *,
    sizes: npt.ArrayLike | None = None,
    refusals: Refusals = "nan",
) -> Floats:
    """Give the Brier score in its first form (1950), summed over the options: 0 is best, 2 worst.

    For two options this is twice the square that `brier_score` takes the mean of. Parameters and errors are
    those of `hits`.

    Examples
    --------
    >>> brier_scores([[0.2, 0.5, 0.3], [0.0, 1.0, 0.0]], [1, 0]).round(2).tolist()  # 0.04 + 0.25 + 0.09
    [0.38, 2.0]
    """
    p, happened, _ = _forecasts(probabilities, truth, sizes, refusals)
    return ((p - _one_hot(happened, p.shape[1])) ** 2).sum(axis=1)


def ranked_scores(
    probabilities: npt.ArrayLike,
    truth: npt.ArrayLike,
    *,
    sizes: npt.ArrayLike | None = None,
    refusals: Refusals = "nan",
) -> Floats:
    """Give the ranked probability score of ordered options: 0 is best, 1 worst.

    The squares of the differences of cumulative probabilities (Epstein 1969,
    doi:10.1175/1520-0450(1969)008<0985:ASSFPF>2.0.CO;2; Murphy 1971), divided by their number, options less
    one, so that long and short scales weigh alike. A near miss costs less than a far one. For two options
    it is half of `brier_scores`. Parameters and errors are those of `hits`; a row of one option scores nan.

    Examples
    --------
    >>> ranked_scores([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], [0, 0]).tolist()
    [0.5, 1.0]
    """
    p, happened, count = _forecasts(probabilities, truth, sizes, refusals)
    apart = np.cumsum(p - _one_hot(happened, p.shape[1]), axis=1)
    # Beyond the last option both sums are 1, and beside the rounding nothing is left.
    return divide((apart**2).sum(axis=1), count - 1)


def _forecasts(
    probabilities: npt.ArrayLike, truth: npt.ArrayLike, sizes: npt.ArrayLike | None, refusals: Refusals
) -> tuple[Floats, Ints, Ints]:
    """Check forecasts; give them with zeros beyond their options, and uniform where that is wanted."""
    if refusals not in ("nan", "uniform"):
        raise ValueError(f"refusals is {refusals!r} and must be 'nan' or 'uniform'")
    p, count = _rows(probabilities, sizes)
    happened = _whole("truth", truth, len(p))
    _refuse((happened < 0) | (happened >= count), "what happened is no option of its row")
    inside = _inside(count, p.shape[1])
    p = np.where(inside, p, 0.0)
    missing, blank = np.isnan(p), refused(p, count)
    _refuse(missing.any(axis=1) & ~blank, "a probability is missing beside others")
    told = np.where(missing, 0.0, p)
    _refuse(((told < 0) | (told > 1 + _SUM)).any(axis=1), "a probability lies outside 0 to 1")
    _refuse(~blank & (np.abs(told.sum(axis=1) - 1) > _SUM), "the probabilities do not add up to 1")
    empty = np.where(inside, 1 / count[:, None], 0.0) if refusals == "uniform" else np.nan
    return np.where(blank[:, None], empty, p), happened, count


def _rows(probabilities: npt.ArrayLike, sizes: npt.ArrayLike | None) -> tuple[Floats, Ints]:
    p = np.asarray(probabilities, dtype=np.float64)
    if p.ndim != 2:
        raise DataError(f"`probabilities` has {p.ndim} dimensions and needs 2")
    count = np.full(len(p), p.shape[1]) if sizes is None else _whole("sizes", sizes, len(p))
    _refuse((count < 1) | (count > p.shape[1]), "`sizes` names more options than there are columns, or none")
    return p, count


def _inside(count: Ints, width: int) -> Bools:
    return np.asarray(np.arange(width) < count[:, None], dtype=np.bool_)


def _whole(name: str, values: npt.ArrayLike, length: int) -> Ints:
    array = np.asarray(values)
    if array.shape != (length,) or array.dtype.kind not in "iu":
        raise DataError(f"`{name}` must be {length} whole numbers, one a row")
    return array.astype(np.int64)


def _refuse(wrong: npt.ArrayLike, what: str) -> None:
    places = np.flatnonzero(wrong)
    if places.size:
        raise DataError(what, row=int(places[0]) + 1)


def _one_hot(happened: Ints, width: int) -> Floats:
    return np.asarray(happened[:, None] == np.arange(width), dtype=np.float64)
