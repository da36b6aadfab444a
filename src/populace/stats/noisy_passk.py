"""pass@k under a judge that errs: its error, measured by asking it twice, is taken out and carried on.

A judge that passes a wrong try now and then makes k tries look better than one, more so the larger k: with an
error of 10 %, sixteen tries that all fail pass with chance 0.81. Two questions, two answers:

**If the judge errs alike both ways and afresh each time** (with chance e whatever the truth, independent of
all else), two answers to one question differ with chance d = 2 e (1 - e). So e = (1 - sqrt(1 - 2d)) / 2, the
share judged to fail is f' = e + (1 - 2e) f, and the correction of Rogan and Gladen (1978,
doi:10.1093/oxfordjournals.aje.a112510) carries over from shares to powers: with C(n-c, j) / C(n, j)
unbiased for f'^j, the sum over j of C(k, j) (-e)^(k-j) C(n-c, j) / C(n, j), over (1 - 2e)^k, is unbiased for
f^k given e, and one minus its mean is pass@k. It costs variance: about (1 - 2e)^(-2k) of it.

**If it may err unequally**, repeats do not tell. Three shares of pairs (both pass, differ, both fail) cannot
fix prevalence, sensitivity and specificity; for that a second population or a gold standard is needed (Hui
and Walter 1980, doi:10.2307/2530508). What the repeats do leave is a range: the true share p of tries that
pass lies from v / (both fail) to q^2 / (both pass), with q the share judged to pass and v = (both pass) -
q^2, and each p implies one sensitivity and one specificity. `low_any` and `high_any` are the smallest and
largest pass@k over that range, for the data as they are, without sampling error.

**The interval** is symmetric, from what each item moves the result by (items, tries and the measured error
at once), over clusters of persons and of questions (`populace.stats.crossed`), cut to 0 and 1. For large k it
rests on the few items all of whose tries were judged to fail. Where by luck there are none, the rows show
next to no variance just when the result is too high: intervals of 95 % then held in down to 76 % of planted
samples (60 items, 8 tries, k of 4 and 8). So the variance is at least that of items drawn from a
beta-binomial distribution of the mean and the spread of those there are: these intervals held in 95 to 100 %.

An error that the judge makes the same way each time it is asked is no error to a repeat. Only people's
verdicts, or planted answers, show it: this is a floor under the judge's error, and says so.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from populace.errors import DataError
from populace.stats._arrays import Floats, codes_of_clusters, divide
from populace.stats._unseen import unseen_variance
from populace.stats.crossed import crossed_estimate, crossed_mean, crossed_ratio
from populace.stats.estimate import Estimate
from populace.stats.passk import pass_at_k

__all__ = ["NoisyPassAtK", "corrected_pass_at_k", "estimate_noisy_pass_at_k"]

_ERRORS = 5
"""Errors looked at between none and the largest not excluded, where no repeat differed."""

_STEPS = 201
"""Shares of passing tries looked at for the range without symmetry."""


class NoisyPassAtK(msgspec.Struct, frozen=True, kw_only=True):
    """pass@k with the judge's error taken out, and what that rests on."""

    corrected: Estimate
    """pass@k if the judge errs alike both ways; its interval carries items, tries and the judge."""
    judged: Estimate
    """pass@k taking the judge at its word."""
    flips: Estimate
    """Share of tries judged twice on which the judge contradicted itself."""
    error: Estimate
    """Chance that one verdict is wrong, if the judge errs alike both ways."""
    low_any: float
    """Smallest pass@k that the repeats leave possible without that assumption; nan if undefined."""
    high_any: float
    """Largest."""


def corrected_pass_at_k(
    n: npt.ArrayLike,
    c: npt.ArrayLike,
    k: int,
    *,
    sensitivity: float,
    specificity: float,
) -> Floats:
    """Return each item's unbiased pass@k from c of n tries judged to pass by a judge of known error.

    Single items may fall outside 0 to 1, far so; only their mean means something.

    Parameters
    ----------
    n, c
        Tries, and tries judged to pass: whole numbers of any shapes that broadcast.
    k
        Tries allowed, from 1 to n.
    sensitivity, specificity
        Chance that the judge passes a try that passes, and fails one that fails. Above 1 in sum.

    Returns
    -------
    Shape of the broadcast.

    Raises
    ------
    DataError
        As `pass_at_k`.
    ValueError
        If a chance lies outside 0 to 1, or the judge is no better than a coin.

    Examples
    --------
    One try, judged to fail or to pass: (0 - 0.1) / (0.9 + 0.9 - 1) and (1 - 0.1) / 0.8.

    >>> corrected_pass_at_k(1, [0, 1], 1, sensitivity=0.9, specificity=0.9).round(3).tolist()
    [-0.125, 1.125]
    >>> corrected_pass_at_k(5, 2, 3, sensitivity=1, specificity=1).item()
    0.9
    """
    if not (0 <= sensitivity <= 1 and 0 <= specificity <= 1):
        raise ValueError("sensitivity and specificity must lie between 0 and 1")
    if sensitivity + specificity <= 1:
        raise ValueError("a judge whose sensitivity and specificity sum to 1 or less tells nothing apart")
    powers = _failure_powers(n, c, k)
    return 1 - _failing(powers, np.asarray(1 - sensitivity), np.asarray(sensitivity + specificity - 1))


def estimate_noisy_pass_at_k(
    n: npt.ArrayLike,
    c: npt.ArrayLike,
    k: int,
    repeats: npt.ArrayLike,
    clusters: npt.ArrayLike | None = None,
    questions: npt.ArrayLike | None = None,
    *,
    level: float = 0.95,
) -> NoisyPassAtK:
    """Estimate pass@k under a judge whose error is known from asking it twice.

    Where no repeat contradicted the first verdict, the rows never doubt the judge; the interval is then
    joined with the one at the largest error not excluded (Clopper and Pearson 1934, one trial per cluster).
    Values and ends outside 0 to 1 are cut to it. Nothing is drawn.

    Parameters
    ----------
    n, c
        Tries, and tries judged to pass (first verdict), of each item, shape (items,); `n` may be one number.
    k
        Tries allowed, from 1 to the smallest n.
    repeats
        Tries of each item that were judged twice, as counts (both pass, differ, both fail), shape (items, 3).
        They must be drawn from the tries at random, whatever the first verdict was.
    clusters, questions
        Clusters of each item, of either kind: usually persona and question. None takes items for clusters,
        and leaves out the second kind.
    level
        Coverage aimed at.

    Returns
    -------
    `corrected` and `error` are undefined (nan) where nothing was judged twice, or where the judge
    contradicts itself on half of the tries or more: a coin's verdicts cannot be corrected.

    Raises
    ------
    DataError
        As `pass_at_k`; if lengths differ, or a repeat is not a whole number from 0 up.

    Examples
    --------
    Four items of which one passes now and then, a judge that flips on 18 of 100: e = 0.1.

    >>> repeats = [[0, 5, 20], [0, 4, 21], [0, 4, 21], [10, 5, 10]]
    >>> found = estimate_noisy_pass_at_k(10, [1, 1, 1, 5], 2, repeats)
    >>> round(found.error.value, 3), round(found.judged.value, 3), round(found.corrected.value, 3)
    (0.1, 0.344, 0.21)
    """
    powers = np.atleast_2d(_failure_powers(n, c, k))
    items = len(powers)
    twice = _repeats(repeats, items)
    one = np.arange(items) if clusters is None else clusters
    shared = _Clusters(one, questions, level)
    tries, passed = np.broadcast_arrays(np.asarray(n), np.asarray(c))
    table = _Table(
        np.atleast_1d(tries).astype(np.int64), np.atleast_1d(passed).astype(np.int64), powers, twice
    )
    judged_twice = int(twice.sum())
    flips = crossed_ratio(twice[:, 1], twice.sum(axis=1), one, questions, within=(0, 1), level=level)
    flips = msgspec.structs.replace(flips, n=judged_twice)
    if judged_twice and not twice[:, 1].any():
        code, labels = codes_of_clusters(one, twice.sum(axis=1) > 0)
        flips = _unshaken(flips, len(labels) if len(code) else 0, level)
        errors = np.linspace(0, min(float(_error_of(np.asarray(min(flips.high, 0.5 - 1e-9)))), 0.49), _ERRORS)
        value = _joined([_corrected(table, k, float(each), shared, known=True) for each in errors])
    else:
        value = _corrected(table, k, float(_error_of(np.asarray(flips.value))), shared)
    totals = np.concatenate([powers.sum(axis=0), [items], twice.sum(axis=0)])
    low_any, high_any = _range(totals, k)
    return NoisyPassAtK(
        corrected=_named(value, "symmetric error from repeats (Rogan-Gladen)"),
        judged=crossed_mean(1 - powers[:, k], one, questions, level=level),
        flips=flips,
        error=_error_from(flips),
        low_any=low_any,
        high_any=high_any,
    )


class _Clusters(NamedTuple):
    """Who shares what, and the level."""

    one: npt.ArrayLike
    other: npt.ArrayLike | None
    level: float


class _Table(NamedTuple):
    """What is known of each item."""

    n: npt.NDArray[np.int64]
    c: npt.NDArray[np.int64]
    powers: Floats
    twice: Floats


def _corrected(table: _Table, k: int, error: float, shared: _Clusters, *, known: bool = False) -> Estimate:
    """Estimate the corrected pass@k at an error; `known` leaves the error's own doubt out."""
    items = len(table.n)
    mean = table.powers.mean(axis=0) if items else np.full(k + 1, np.nan)
    each = _coefficients(k, error)
    value = 1 - float(each @ mean)
    moved = -((table.powers - mean) @ each) / max(items, 1)
    if not known and table.twice.sum():
        # By the error: d(pass@k)/d(error), times d(error)/d(flips) = 1 / (2 (1 - 2e)).
        step = 1e-5
        slope = float((_coefficients(k, error - step) - _coefficients(k, error + step)) @ mean) / (2 * step)
        asked = table.twice.sum(axis=1)
        flips = float(table.twice[:, 1].sum() / asked.sum())
        moved += slope / (2 * (1 - 2 * error)) * (table.twice[:, 1] - flips * asked) / asked.sum()
    beside = (
        0.0
        if math.isnan(value)
        else unseen_variance(
            table.n, table.c, table.powers @ each, lambda n, c: _failure_powers(n, c, k) @ each
        )
    )
    found = crossed_estimate(value, moved, shared.one, shared.other, beside=beside, level=shared.level)
    value, low, high = np.clip([value, found.low, found.high], 0, 1).tolist()
    return msgspec.structs.replace(found, value=value, low=low, high=high)


def _coefficients(k: int, error: float) -> Floats:
    """Return what each mean power of the chance to be judged to fail counts in the chance that all k fail."""
    return np.array(
        [float(_failing(row, np.asarray(error), np.asarray(1 - 2 * error))) for row in np.eye(k + 1)]
    )


def _failure_powers(n: npt.ArrayLike, c: npt.ArrayLike, k: int) -> Floats:
    """Return unbiased powers 0 to k of each item's chance to be judged to fail, shape (..., k + 1)."""
    if k < 1:
        raise DataError("`k` must lie between 1 and `n`")
    tries, passes = np.broadcast_arrays(np.asarray(n), np.asarray(c))
    powers = 1 - pass_at_k(tries[..., None], passes[..., None], np.arange(1, k + 1))
    return np.concatenate([np.ones((*tries.shape, 1)), powers], axis=-1)


def _failing(powers: Floats, missed: Floats, told: Floats) -> Floats:
    """Return the unbiased chance that k tries all fail in truth.

    From powers of the chance to be judged to fail, shape (..., k + 1), the share of passing tries that is
    missed (1 - sensitivity), and sensitivity + specificity - 1.
    """
    k = powers.shape[-1] - 1
    j = np.arange(k + 1, dtype=np.float64)
    ways = np.array([math.comb(k, i) for i in range(k + 1)], dtype=np.float64)
    expanded = (powers * ways * (-missed[..., None]) ** (k - j)).sum(axis=-1)
    return divide(expanded, told**k)


def _error_of(flips: Floats) -> Floats:
    """Solve 2 e (1 - e) = flips; nan from one half on, where verdicts carry nothing."""
    told = np.where(flips < 0.5, 1 - 2 * flips, np.nan)
    return (1 - np.sqrt(told)) / 2


def _repeats(repeats: npt.ArrayLike, items: int) -> Floats:
    try:
        twice = np.asarray(repeats, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"`repeats` is not a table of counts ({error})") from error
    if twice.shape != (items, 3):
        raise DataError(f"`repeats` has shape {twice.shape} and needs ({items}, 3)")
    if not (np.isfinite(twice) & (twice >= 0) & (twice == np.floor(twice))).all():
        raise DataError("`repeats` must be whole numbers from 0 up")
    return twice


def _unshaken(flips: Estimate, seen: int, level: float) -> Estimate:
    """Return the interval of a judge that never contradicted itself, from Clopper and Pearson."""
    most = 1 - ((1 - level) / 2) ** (1 / seen)
    method = "Clopper-Pearson, one trial per cluster: no repeat differed"
    return msgspec.structs.replace(flips, low=0.0, high=most, method=method)


def _error_from(flips: Estimate) -> Estimate:
    """Return the error that a share of flips stands for, which rises with it; a coin's from one half on."""
    value = float(_error_of(np.asarray(flips.value)))
    ends = (
        math.nan
        if math.isnan(end) or math.isnan(value)
        else float(np.nan_to_num(_error_of(np.asarray(end)), nan=0.5))
        for end in (flips.low, flips.high)
    )
    low, high = ends
    found = msgspec.structs.replace(flips, value=value, low=low, high=high)
    return _named(found, "symmetric error from repeats")


def _joined(parts: list[Estimate]) -> Estimate:
    """Return the first estimate with the hull of all intervals; its own where it has none."""
    if math.isnan(parts[0].low):
        return parts[0]
    method = f"{parts[0].method}, joined over errors not excluded"
    low, high = min(part.low for part in parts), max(part.high for part in parts)
    return msgspec.structs.replace(parts[0], low=low, high=high, method=method)


def _named(estimate: Estimate, how: str) -> Estimate:
    return msgspec.structs.replace(estimate, method=f"{how}; {estimate.method}")


def _range(totals: Floats, k: int) -> tuple[float, float]:
    """Return the smallest and largest pass@k over all judges that agree with the repeats."""
    powers, items, twice = totals[: k + 1], totals[k + 1], totals[-3:]
    if not items or not twice.sum():
        return math.nan, math.nan
    mean = powers / items
    both_pass, differ, both_fail = twice / twice.sum()
    passed = both_pass + differ / 2
    if differ == 0:  # such a judge is either right always or a fixed coin, and better than a coin
        judged = float(1 - mean[k])
        return judged, judged
    shared = both_pass - passed**2
    if shared <= 0:
        return 0.0, 1.0
    lowest, highest = float(shared / both_fail), float(passed**2 / both_pass)
    true: Floats = np.linspace(lowest, highest, _STEPS)
    told = np.sqrt(shared / (true * (1 - true)))
    missed = 1 - np.clip(passed + (1 - true) * told, 0, 1)
    reach = np.clip(1 - _failing(np.broadcast_to(mean, (_STEPS, k + 1)), missed, told), 0, 1)
    return float(reach.min()), float(reach.max())
