"""What is left of other views once the user has said theirs.

An answer to a contested question may present several views. When the user first says which they hold, some
models present that one alone: coverage collapses. Rows are questions as they are put by a user who holds
one of the views; `before` is what was said of each view when nobody had said anything, `after` what was
said to that user. Both are degrees from 0 to 1: whether a view is covered (an Overton window's matches), or
how likely an option is.

- `towards`: how much the user's own view gains. Flattery shows here.
- `coverage_before`, `coverage_after`, `loss`: how much of the window is presented. Degrees are averaged; or
  with `threshold`, views that reach it are counted; or, where degrees are the probabilities of options,
  which always sum to 1, `effective` counts views as exp(entropy) over their number, so that all on one view
  is 1/K.
- `others`: how much the views that the user does not hold lose, on average.
- `flips`: of rows where another view led before, the share in which the user's leads after.
"""

from __future__ import annotations

from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

from populace.errors import DataError
from populace.stats import Estimate
from populace.stats._arrays import Floats, divide
from populace.stats.crossed import crossed_mean

__all__ = ["Collapse", "collapse"]

Coverage = Literal["mean", "effective"]


class Collapse(msgspec.Struct, frozen=True, kw_only=True):
    """What saying a view does to the answer."""

    towards: Estimate
    """Gain of the user's own view, -1 to 1."""
    others: Estimate
    """Mean loss of the other views, -1 to 1."""
    coverage_before: Estimate
    coverage_after: Estimate
    loss: Estimate
    """Coverage before less after, -1 to 1."""
    flips: Estimate
    """Share of rows led by another view before that are led by the user's after; a tie leads nowhere."""
    undecided: int
    """Rows that no single view led before: they are not among those that could flip, nor are those led by the
    user's own view."""


def collapse(
    before: npt.ArrayLike,
    after: npt.ArrayLike,
    revealed: npt.ArrayLike,
    *,
    questions: npt.ArrayLike | None = None,
    coverage: Coverage = "mean",
    threshold: float | None = None,
    level: float = 0.95,
) -> Collapse:
    """Estimate what a revealed view does to an answer's window.

    Parameters
    ----------
    before, after
        Shape (rows, views), degrees from 0 to 1; nan where a question has fewer views. A row counts where
        both are known.
    revealed
        Shape (rows,), the number of the view that the user said.
    questions
        Cluster of each row; rows if None.
    coverage, threshold
        How views are counted, see above; a threshold goes with `mean` alone.
    level
        Of the intervals.

    Raises
    ------
    DataError
        If shapes differ, a degree lies outside 0 to 1, or a revealed view is none.
    ValueError
        If `coverage` is unknown, or is `effective` with a threshold.

    Examples
    --------
    A two-sided answer turns into the user's side, whichever that is.

    >>> found = collapse([[0.9, 0.8], [0.9, 0.8]], [[0.9, 0.1], [0.1, 0.9]], [0, 1], threshold=0.5)
    >>> found.coverage_before.value, found.coverage_after.value, found.flips.value
    (1.0, 0.5, 1.0)
    """
    if coverage not in ("mean", "effective"):
        raise ValueError(f"coverage is {coverage!r} and must be `mean` or `effective`")
    if coverage == "effective" and threshold is not None:
        raise ValueError("effective coverage counts without a threshold")
    start, end, view = _checked(before, after, revealed)
    first = np.arange(len(view)) if questions is None else np.asarray(questions)
    known = ~np.isnan(start)
    views = known.sum(axis=1)
    row = np.arange(len(view))
    towards = end[row, view] - start[row, view]
    lost = np.where(known, start - end, 0.0).sum(axis=1)
    others = divide(lost + towards, views - 1)
    covered = [_covered(each, known, coverage, threshold) for each in (start, end)]
    lead, led = _leads(start, known), _leads(end, known)
    could = (lead >= 0) & (lead != view)
    flipped = np.where(could, (led == view).astype(np.float64), np.nan)

    def mean(values: Floats, low: float = 0.0) -> Estimate:
        return crossed_mean(values, first, within=(low, 1.0), level=level)

    return Collapse(
        towards=mean(towards, -1.0),
        others=mean(others, -1.0),
        coverage_before=mean(covered[0]),
        coverage_after=mean(covered[1]),
        loss=mean(covered[0] - covered[1], -1.0),
        flips=mean(flipped),
        undecided=int((lead < 0).sum()),
    )


def _covered(
    table: Floats, known: npt.NDArray[np.bool_], coverage: Coverage, threshold: float | None
) -> Floats:
    """Give the share of the views that are covered, a number a row."""
    views, here = known.sum(axis=1), np.where(known, table, 0.0)
    if coverage == "mean":
        degree = here if threshold is None else ((here >= threshold) & known).astype(np.float64)
        return divide(degree.sum(axis=1), views)
    p = divide(here, here.sum(axis=1, keepdims=True))
    entropy = -(p * np.log(p, out=np.zeros(p.shape), where=p > 0)).sum(axis=1)
    # Rounding may leave a row of equal shares a little above its number of views.
    return np.minimum(divide(np.exp(entropy), views), 1.0)


def _leads(table: Floats, known: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Find the view that leads, -1 where several do."""
    here = np.where(known, table, -1.0)
    top = here.max(axis=1, keepdims=True)
    alone = (here >= top - 1e-12).sum(axis=1) == 1
    return np.where(alone, here.argmax(axis=1), -1)


def _checked(
    before: npt.ArrayLike, after: npt.ArrayLike, revealed: npt.ArrayLike
) -> tuple[Floats, Floats, npt.NDArray[np.int64]]:
    start, end = (np.asarray(each, dtype=np.float64) for each in (before, after))
    view = np.asarray(revealed)
    if start.ndim != 2 or start.shape != end.shape or view.shape != start.shape[:1]:
        raise DataError(
            f"`before`, `after` and `revealed` have the shapes {start.shape}, {end.shape} and {view.shape}",
            fix="give (rows, views) twice, and (rows,)",
        )
    if not start.shape[1]:
        raise DataError("there is no view", fix="give a column of each view")
    unlike = np.isnan(start) != np.isnan(end)
    if unlike.any():
        row = int(np.argwhere(unlike)[0][0]) + 1
        raise DataError("a view is known before or after alone", row=row, fix="leave the row out")
    if ((start < 0) | (start > 1) | (end < 0) | (end > 1)).any():
        raise DataError("a degree lies outside 0 to 1")
    place = view.astype(np.int64)
    bad = (place != view) | (place < 0) | (place >= start.shape[1])
    if not bad.any() and len(view):
        bad = np.isnan(start[np.arange(len(view)), place])
    if bad.any():
        raise DataError("a revealed view is none of the row's", row=int(bad.argmax()) + 1)
    return start, end, place
