"""Tables of rewards: a row a candidate, a column a trait; what is broken is refused, costs are absorbed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from populace.errors import DataError
from populace.portfolio.records import Kind

__all__ = ["Points", "check_kind", "chosen", "points_of", "undominated"]

Points = np.ndarray
"""Shape (candidates, traits): w . points is each candidate's value for the weights w, its cost included."""


def points_of(rewards: Any, cost: npt.ArrayLike | None = None, *, kind: Kind = "additive") -> Points:
    """Read a table of rewards, and absorb the costs.

    The weights sum to 1, so that w . R + c = w . (R + c): a cost that is free of the weights shifts all
    rewards of its candidate, and a portfolio with KL costs is one of shifted vectors.

    Parameters
    ----------
    rewards
        Shape (candidates, traits), larger is better; or a Polars frame of numbers.
    cost
        Shape (candidates,), at most 0, such as -beta KL; none by default.
    kind
        Of the regret that is asked for.

    Raises
    ------
    DataError
        If the table is empty or has fewer than two traits, a value is missing or infinite, a trait is the
        same for all candidates, a cost is above 0, or values below 0 stand where a ratio is asked for.
    """
    table = rewards.to_numpy() if hasattr(rewards, "to_numpy") else rewards
    try:
        found = np.array(table, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError("rewards must be a table of numbers, a row a candidate") from error
    if found.ndim != 2 or not len(found):
        raise DataError(f"rewards have the shape {found.shape}", fix="give (candidates, traits)")
    if found.shape[1] < 2:
        raise DataError("with one trait there is nothing to weigh", fix="give two traits or more")
    bad = np.argwhere(~np.isfinite(found))
    if len(bad):
        row, column = (int(place) for place in bad[0])
        raise DataError(
            "a reward is missing or infinite", row=row + 1, column=f"trait {column + 1}",
            fix="leave the candidate out, or score it",
        )  # fmt: skip
    with np.errstate(over="ignore"):
        width = found.max() - found.min()
    if not np.isfinite(width):
        raise DataError("rewards differ by more than a number can hold", fix="scale them down")
    same = np.flatnonzero(np.ptp(found, axis=0) == 0)
    if len(found) > 1 and same.size:
        raise DataError(
            "all candidates have the same reward here, so its weight chooses nothing",
            column=f"trait {int(same[0]) + 1}", fix="leave the trait out",
        )  # fmt: skip
    if cost is not None:
        found += _costs(cost, len(found))[:, None]
    if kind != "additive" and (found < 0).any():
        row = int(np.argwhere(found < 0)[0][0])
        raise DataError(
            f"a {kind} regret needs values of at least 0, costs included",
            row=row + 1, fix="ask for the additive regret, or shift the rewards and say so",
        )  # fmt: skip
    return found


def check_kind(kind: Kind, epsilon: float) -> None:
    """Refuse a regret that is none.

    Raises
    ------
    ValueError
        If there is no such kind, or `epsilon` does not belong to it.
    """
    if kind not in ("additive", "ratio", "mixed"):
        raise ValueError(f"kind is {kind!r} and must be 'additive', 'ratio' or 'mixed'")
    if not 0 <= epsilon < 1 or (epsilon and kind != "mixed"):
        raise ValueError(f"epsilon is {epsilon}: a share from 0 up to 1, for the mixed regret only")


def chosen(members: Sequence[int] | np.ndarray, candidates: int) -> np.ndarray:
    """Read the rows of members: increasing, each once.

    Raises
    ------
    DataError
        If there is none, one that is no row, or they are no whole numbers.
    """
    given = np.asarray(members)
    if given.size and given.dtype.kind not in "iu":
        # A mask of True and False would be read as the rows 1 and 0, and 0.9 as 0: other members.
        what = f"members are {given.dtype}, and must be whole numbers"
        raise DataError(what, fix="give rows of the table; of a mask: np.flatnonzero(mask)")
    rows = np.unique(given.astype(np.int64))
    if not rows.size or rows[0] < 0 or rows[-1] >= candidates:
        raise DataError(
            "members must be rows of the table, at least one", fix=f"give numbers from 0 to {candidates - 1}"
        )
    return rows


def undominated(points: Points) -> np.ndarray:
    """Give the rows that no other row is at least as good as everywhere; of equal rows, the first.

    Whatever serves some weights, a row that dominates it serves them too, so that no portfolio needs others.

    Examples
    --------
    >>> undominated(np.array([[1.0, 0.0], [0.5, 0.5], [0.5, 0.4], [0.5, 0.5]])).tolist()
    [0, 1]
    """
    order = np.lexsort((np.arange(len(points)), *(-points.T)))
    kept: list[int] = []
    front = np.empty_like(points)
    for row in order:
        if not (front[: len(kept)] >= points[row]).all(axis=1).any():
            front[len(kept)] = points[row]
            kept.append(int(row))
    return np.sort(np.array(kept, dtype=np.int64))


def _costs(cost: npt.ArrayLike, candidates: int) -> np.ndarray:
    found = np.asarray(cost, dtype=np.float64)
    if found.shape != (candidates,) or not np.isfinite(found).all():
        raise DataError(f"costs must be {candidates} finite numbers", fix="give one a candidate")
    if (found > 0).any():
        row = int(np.flatnonzero(found > 0)[0])
        raise DataError(
            f"the cost {found[row]:g} is above 0", row=row + 1, fix="give -beta KL, which is at most 0"
        )
    return found
