"""Is a system that was steered to p best at p's test, and is p's test best passed by it?

Plastic Labs' evaluation measures a[p, q], the accuracy of the system steered to p on the held-out test of q,
and ranks the diagonal. Published names differ between text and code, and so does what is a row, so here the
names say what is ranked:

- `among_tests`: of all tests that the system of p took, where its own stands (their *sensibility*, in code
  *sensitivity*). Low where p's test is hard for everybody.
- `among_systems`: of all systems that took p's test, where p's own stands (their *specificity*). Low where
  another system does p better.

Ranks are percentiles, 1 the best, a tie counting as the best of its places (`ties="max"`), as published. A
model that does not listen at all then ties with itself everywhere and gets `among_systems` = 1, the best mark
there is. `ties="mean"` gives it what chance gives, (n + 1) / (2n); read both.
"""

from __future__ import annotations

from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

from populace.errors import DataError
from populace.stats import Estimate
from populace.stats._arrays import Floats
from populace.stats.crossed import crossed_mean

__all__ = ["Ranks", "ranks"]


class Ranks(msgspec.Struct, frozen=True, kw_only=True):
    """Percentile ranks of the diagonal, and their means."""

    among_tests: Estimate
    """Of a system's own test among the tests that it took; Plastic Labs' sensibility."""
    among_systems: Estimate
    """Of a test's own system among the systems that took it; Plastic Labs' specificity."""
    margin: Estimate
    """The diagonal less the mean of the other systems at the same test: in units of accuracy."""
    by_test: tuple[float, ...]
    """`among_tests` of every attribute, in the order of the matrix; nan where it cannot be ranked."""
    by_system: tuple[float, ...]
    """`among_systems` of every attribute."""
    chance: float
    """Mean rank if all orders were as likely."""
    ties: str


def ranks(
    matrix: npt.ArrayLike,
    *,
    rows: Literal["systems", "tests"],
    ties: Literal["max", "mean", "min"] = "max",
    level: float = 0.95,
) -> Ranks:
    """Rank the diagonal of a matrix of steered systems by tests.

    Parameters
    ----------
    matrix
        Shape (attributes, attributes), accuracies; nan where a test was not taken.
    rows
        What a row is. The blog of Plastic Labs has steered systems as rows, its code has tests: there is no
        default, since a transposed matrix gives two plausible numbers, exchanged.
    ties
        Which place entries of one value share: the best (as published), their mean, or the worst.
    level
        Of the intervals, which take attributes as their clusters.

    Raises
    ------
    DataError
        If the matrix is not square, or holds an infinite number.
    ValueError
        If `rows` or `ties` is none of those named.

    References
    ----------
    plastic-labs/steerability-eval, `scorer.py`: `rank(pct=True, method="max")`.

    Examples
    --------
    Own tests are best passed by their own systems, but all systems find the first test easiest.

    >>> accuracies = [[0.9, 0.5], [0.8, 0.7]]
    >>> found = ranks(accuracies, rows="systems")
    >>> found.among_tests.value, found.among_systems.value
    (0.75, 1.0)
    >>> deaf = [[0.9, 0.5], [0.9, 0.5]]  # it does the same whatever it is steered to
    >>> [ranks(deaf, rows="systems", ties=ties).among_systems.value for ties in ("max", "mean")]
    [1.0, 0.75]
    """
    if rows not in ("systems", "tests"):
        raise ValueError(f"rows is {rows!r} and must be `systems` or `tests`")
    if ties not in ("max", "mean", "min"):
        raise ValueError(f"ties is {ties!r} and must be `max`, `mean` or `min`")
    table = np.asarray(matrix, dtype=np.float64)
    if table.ndim != 2 or table.shape[0] != table.shape[1]:
        raise DataError(f"a matrix of shape {table.shape} has no diagonal to rank", fix="give a square one")
    if np.isinf(table).any():
        raise DataError(
            "the matrix holds an infinite number", row=int(np.argwhere(np.isinf(table))[0][0]) + 1
        )
    table = table if rows == "systems" else table.T
    tests, systems = _diagonal(table, ties), _diagonal(table.T, ties)
    own = np.diag(table)
    others = np.array([_mean(np.delete(column, place)) for place, column in enumerate(table.T)])
    size = len(table)
    names = np.arange(size)
    there = table[~np.isnan(table)]
    bounds = (-1.0, 1.0) if ((there >= 0) & (there <= 1)).all() else None
    return Ranks(
        among_tests=crossed_mean(tests, names, level=level),
        among_systems=crossed_mean(systems, names, level=level),
        margin=crossed_mean(own - others, names, within=bounds, level=level),
        by_test=tuple(tests.tolist()),
        by_system=tuple(systems.tolist()),
        chance=(size + 1) / (2 * size) if size else float("nan"),
        ties=ties,
    )


def _diagonal(table: Floats, ties: str) -> Floats:
    """Rank each diagonal entry in its row, as a share of the entries there are; nan alone or missing."""
    found = np.full(len(table), np.nan)
    for place, row in enumerate(table):
        there = row[~np.isnan(row)]
        own = row[place]
        if np.isnan(own) or len(there) < 2:
            continue
        best, worst = int((there <= own).sum()), int((there < own).sum()) + 1
        found[place] = {"max": best, "min": worst, "mean": (best + worst) / 2}[ties] / len(there)
    return found


def _mean(values: Floats) -> float:
    there = values[~np.isnan(values)]
    return float(there.mean()) if len(there) else float("nan")
