"""Kappa, AC1 and share of agreement of many pairs of raters on two options, from tables of two by two.

Intervals know that items share persons and questions (`populace.stats.crossed`): the influence of a row is
that of its cell, so nothing is resampled, and a matrix for every persona costs little more than one for all.
Within one persona rows are taken as independent, with Student's t of one degree less than its rows.

With p the share of agreement and e that expected by chance, both measures are (p - e) / (1 - e). For kappa
(Cohen 1960) e is ab + (1-a)(1-b), with a and b how often each rater says the first; for AC1 (Gwet 2008) it is
2m(1-m), with m the mean of a and b. What a row moves them by is the derivative of that.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import t as student

from populace.stats import Estimate
from populace.stats._arrays import codes_of_clusters
from populace.stats.crossed import crossed_estimate
from populace.stats.matrices import PairAgreement
from populace.streams import stream

__all__ = ["pairs_apart", "pairs_of_raters", "smallest_told"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_MEASURES = {"kappa": (-1.0, 1.0), "gwet": (-1.0, 1.0), "percent": (0.0, 1.0)}
"""Measure -> what it lies between."""
_SIMULATED, _HALVINGS = 2000, 10
_AGREES = np.array([1.0, 0.0, 0.0, 1.0])
_FIRST, _SECOND = np.array([1.0, 1.0, 0.0, 0.0]), np.array([1.0, 0.0, 1.0, 0.0])
"""What each rater says in each cell: both the first, then the first alone, then the second alone."""


class _Measured(NamedTuple):
    value: Floats
    """Shape (tables,)."""
    moved: Floats
    """Of a row of each cell, times the rows; shape (tables, 4)."""


def pairs_of_raters(
    said: Floats,
    names: list[str],
    persons: npt.ArrayLike,
    questions: npt.ArrayLike | None,
    *,
    level: float,
    group: Any = None,
) -> list[PairAgreement]:
    """Score every two raters on the rows that both decided.

    Parameters
    ----------
    said
        Shape (rows, raters): 1 for the first option, 0 for the second, nan where nothing was decided.
    persons, questions
        Of each row; None where questions are not known.
    group
        Label that the scores carry.

    Examples
    --------
    >>> said = np.array([[1.0, 1.0], [0.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    >>> (pair,) = pairs_of_raters(said, ["x", "y"], list("abcd"), None, level=0.95)
    >>> pair.kappa.value, pair.percent.value  # agree in 3 of 4, by chance in half
    (0.5, 0.75)
    """
    everybody = np.ones(len(said), dtype=np.bool_)
    who = codes_of_clusters(persons, everybody)[0]
    what = None if questions is None else codes_of_clusters(questions, everybody)[0]
    found = []
    for i, j in combinations(range(len(names)), 2):
        kept, cells = _cells(said[:, i], said[:, j])
        counts = np.bincount(cells, minlength=4).astype(np.float64)[None]
        one, other = who[kept], None if what is None else what[kept]
        estimates = {
            name: crossed_estimate(
                float(each.value[0]),
                each.moved[0][cells] / max(len(cells), 1),
                one,
                other,
                within=_MEASURES[name],
                level=level,
            )
            for name, each in _measured(counts).items()
        }
        shared = float(_prevalence(counts)[0])
        found.append(PairAgreement(a=names[i], b=names[j], group=group, prevalence=shared, **estimates))
    return found


def pairs_apart(
    said: Floats, names: list[str], code: Ints, labels: list[Any], *, level: float
) -> list[PairAgreement]:
    """Score every two raters in each of many groups by itself, rows being independent.

    Parameters
    ----------
    code
        Group of each row, below 0 for none.
    labels
        Of the groups.
    """
    by_pair = []
    for i, j in combinations(range(len(names)), 2):
        kept, cells = _cells(said[:, i], said[:, j])
        inside = code[kept] >= 0
        place = code[kept][inside] * 4 + cells[inside]
        counts = np.bincount(place, minlength=4 * len(labels)).reshape(-1, 4).astype(np.float64)
        made = {
            name: _apart(each, counts, _MEASURES[name], level) for name, each in _measured(counts).items()
        }
        by_pair.append((names[i], names[j], made, _prevalence(counts).tolist()))
    return [
        PairAgreement(
            a=a, b=b, group=label, prevalence=shared[at], **{name: each[at] for name, each in made.items()}
        )
        for at, label in enumerate(labels)
        for a, b, made, shared in by_pair
    ]


def _cells(one: Floats, other: Floats) -> tuple[npt.NDArray[np.bool_], Ints]:
    """Rows that both decided, and the cell of each."""
    kept = ~(np.isnan(one) | np.isnan(other))
    return kept, (3 - 2 * one[kept] - other[kept]).astype(np.int64)


def _measured(counts: Floats) -> dict[str, _Measured]:
    """Give the measures of tables, shape (tables, 4), and what rows of each cell move them by."""
    rows = counts.sum(axis=1, keepdims=True)
    share = np.divide(counts, rows, out=np.full_like(counts, np.nan), where=rows > 0)
    agree, first, second = ((share * each).sum(axis=1, keepdims=True) for each in (_AGREES, _FIRST, _SECOND))
    mean = (first + second) / 2
    by_agreement, by_first, by_second = _AGREES - agree, _FIRST - first, _SECOND - second
    chances = {
        "kappa": (
            first * second + (1 - first) * (1 - second),
            (2 * second - 1) * by_first + (2 * first - 1) * by_second,
        ),
        "gwet": (2 * mean * (1 - mean), (1 - 2 * mean) * (by_first + by_second)),
    }
    found = {}
    for name, (chance, by_chance) in chances.items():
        room = np.where(chance < 1, 1 - chance, np.nan)
        value = (agree - chance) / room
        found[name] = _Measured(value[:, 0], by_agreement / room - (1 - agree) / room**2 * by_chance)
    return found | {"percent": _Measured(agree[:, 0], by_agreement)}


def smallest_told(
    rows: float, prevalence: float, *, degrees: int, power: float = 0.8, level: float = 0.95, seed: int = 0
) -> float:
    """Find the smallest kappa that is told from 0 with a given chance, by simulating the interval's own rule.

    Formulas of large samples promise too much where nearly all verdicts are of one kind: for 300 rows of
    which 95 % are, the kappa said to be found in 80 % of samples was found in 41 %.

    Parameters
    ----------
    rows
        Independent rows that there are, or that clustered ones are worth.
    prevalence
        Share of verdicts of one kind, taken as alike for both raters; above 0 and below 1.
    degrees
        Of Student's t.
    power
        Chance that the interval lies above 0.

    Returns
    -------
    nan where not even perfect agreement is found so often.

    Examples
    --------
    >>> bool(smallest_told(200, 0.5, degrees=199) < smallest_told(200, 0.9, degrees=199))
    True
    """

    def found(kappa: float) -> float:
        rng, apart = stream(seed, "bench.kappas.power"), (1 - kappa) * prevalence * (1 - prevalence)
        cells = [prevalence - apart, apart, apart, 1 - prevalence - apart]
        counts = rng.multinomial(max(int(rows), 2), cells, size=_SIMULATED).astype(np.float64)
        low, _, _ = _ends(_measured(counts)["kappa"], counts, _MEASURES["kappa"], level, degrees)
        return float((low > 0).mean())

    if found(1.0) < power:
        return float("nan")
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if found(middle) >= power else (middle, high)
    return high


def _apart(found: _Measured, counts: Floats, within: tuple[float, float], level: float) -> list[Estimate]:
    """Give each table's measure the interval that `crossed_estimate` gives to rows that share nothing."""
    low, high, none = _ends(found, counts, within, level)
    size = counts.sum(axis=1)
    return [
        Estimate(
            value=v,
            low=a if n > 1 else np.nan,
            high=b if n > 1 else np.nan,
            level=level,
            n=int(n),
            clusters=int(n),
            method="rows apart, Clopper-Pearson: all agree"
            if same
            else "rows apart, Wilson's interval with t",
        )
        for v, a, b, n, same in zip(
            *(each.tolist() for each in (found.value, low, high, size, none)), strict=True
        )
    ]


def _ends(
    found: _Measured,
    counts: Floats,
    within: tuple[float, float],
    level: float,
    degrees: int | None = None,
) -> tuple[Floats, Floats, npt.NDArray[np.bool_]]:
    """Give the ends of each table's interval, and where no two rows differ in what they move it by."""
    (low, high), size, value = within, counts.sum(axis=1), found.value
    wide = high - low
    with np.errstate(invalid="ignore", divide="ignore"):
        # Cells without rows may have an influence, and count nothing.
        spread = (counts * np.where(counts > 0, found.moved, 0.0) ** 2).sum(axis=1) / size / (size - 1)
        none = spread <= 1e-24
        most = 1 - ((1 - level) / 2) ** (1 / size)
        reach = student.ppf((1 + level) / 2, size - 1 if degrees is None else degrees)
        x, v = (value - low) / wide, spread / wide**2
        worth = v / (x * (1 - x))
        square = reach**2 * worth
        half = reach * np.sqrt(v + square * worth / 4)
        bottom = low + wide * (x + square / 2 - half) / (1 + square)
        top = low + wide * (x + square / 2 + half) / (1 + square)
        even = reach * np.sqrt(spread)
        edge = (value <= low) | (value >= high)
        bottom = np.where(none, value - most * (value - low), np.where(edge, value - even, bottom))
        top = np.where(none, value + most * (high - value), np.where(edge, value + even, top))
    return bottom, top, none


def _prevalence(counts: Floats) -> Floats:
    """Share, over both raters, of the option said most."""
    first = (counts * (_FIRST + _SECOND)).sum(axis=1)
    both = 2 * counts.sum(axis=1)
    return np.divide(np.maximum(first, both - first), both, out=np.full(len(both), np.nan), where=both > 0)
