"""What became of a request to move: how far off, how much too far or too short, how much sideways.

Chang et al. (AAAI 2026, arXiv 2505.23816) lay texts out in a space whose axes are attributes (reading level,
formality, ...). A text lies at `before`, its user wants it at `target`, and the model brings it to `after`.
The error is split along the wish and across it: what is along is (mis)calibration, what is across is a side
effect nobody asked for.
"""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from populace.errors import DataError
from populace.stats import Estimate
from populace.stats._arrays import Floats, divide
from populace.stats.crossed import crossed_mean

__all__ = ["Decomposition", "decompose"]

_STILL = 1e-12
"""Length, beside that of the vectors, that is rounding and no move."""


class Decomposition(msgspec.Struct, frozen=True, kw_only=True):
    """Means over prompts, and the rows that they are of."""

    error: Estimate
    """Distance of the output from the target, in units of the axes."""
    miscalibration: Estimate
    """Shortfall or overshoot along the wish, as a share of it."""
    overshoot: Estimate
    """The same with its sign: below 0 too short, above 0 too far."""
    orthogonality: Estimate
    """Share of the move that is across the wish, 0 to 1."""
    side_effect: Estimate
    """The move across the wish, in units of the axes: defined for every prompt."""
    nothing_asked: int
    """Prompts whose target is where they were: they have no miscalibration."""
    nothing_moved: int
    """Prompts that were left as they were: their orthogonality is 0."""
    rows: pl.DataFrame
    """`error, miscalibration, overshoot, orthogonality, side_effect, asked, moved`, a row a prompt."""


def decompose(
    before: npt.ArrayLike,
    target: npt.ArrayLike,
    after: npt.ArrayLike,
    *,
    prompts: npt.ArrayLike | None = None,
    goals: npt.ArrayLike | None = None,
    level: float = 0.95,
) -> Decomposition:
    r"""Split what is left of a request into miscalibration and side effects.

    With :math:`w = z^* - z_0` the wish, :math:`m = \hat z - z_0` the move and :math:`u = w / \lVert w
    \rVert`,

    .. math::
        \text{error} = \lVert \hat z - z^* \rVert, \quad
        \text{miscalibration} = \frac{\lvert \lVert w \rVert - \langle m, u \rangle \rvert}{\lVert w
        \rVert}, \quad \text{orthogonality} = \frac{\lVert m - \langle m, u \rangle u \rVert}{\lVert m
        \rVert},

    so that error² = (miscalibration · ‖w‖)² + side effect².

    0/0 is settled so: who did not move had no side effect (orthogonality 0, and miscalibration 1 if a move
    was asked for); where no move was asked for there is no direction, so every move is a side effect
    (orthogonality 1), and miscalibration is missing and left out of its mean.

    Parameters
    ----------
    before, target, after
        Shape (prompts, axes), or (axes,) for one. Axes ought to be on one scale, as 0 to 1: lengths are
        Euclidean.
    prompts, goals
        Source text and goal of each row: clusters of the interval; rows are prompts if None.
    level
        Of the intervals.

    Raises
    ------
    DataError
        If shapes differ, or a number is missing or infinite.

    References
    ----------
    Chang, Schnabel, Swaminathan, Wiens (2026), A Course Correction in Steerability Evaluation, AAAI,
    doi:10.1609/aaai.v40i44.41057. Its normalisers are taken from a summary of it.

    Examples
    --------
    Asked to go 4 along the first axis, it went 3 along it and 4 across.

    >>> found = decompose([[0, 0]], [[4, 0]], [[3, 4]])
    >>> found.rows.select("error", "miscalibration", "orthogonality").row(0)
    (4.123105625617661, 0.25, 0.8)
    """
    start, goal, end = _checked(before, target, after)
    wish, move = goal - start, end - start
    asked, moved = np.linalg.norm(wish, axis=1), np.linalg.norm(move, axis=1)
    scale = np.maximum.reduce([np.abs(each).max(axis=1, initial=0) for each in (start, goal, end)])
    wants, moves = asked > _STILL * scale, moved > _STILL * scale
    unit = np.where(wants[:, None], divide(wish, asked[:, None]), 0.0)
    along = (move * unit).sum(axis=1)
    across = np.linalg.norm(move - along[:, None] * unit, axis=1)
    across = np.where(moves, np.minimum(across, moved), 0.0)
    over = np.where(wants, divide(along - asked, asked), np.nan)
    rows = pl.DataFrame(
        {
            "error": np.linalg.norm(end - goal, axis=1),
            "miscalibration": np.abs(over),
            "overshoot": over,
            "orthogonality": np.where(moves, divide(across, moved), 0.0),
            "side_effect": across,
            "asked": np.where(wants, asked, 0.0),
            "moved": np.where(moves, moved, 0.0),
        }
    ).with_columns(pl.col("miscalibration", "overshoot").fill_nan(None))
    first = np.arange(len(rows)) if prompts is None else prompts

    def mean(name: str, within: tuple[float, float] | None = None) -> Estimate:
        found = crossed_mean(rows[name], first, goals, within=within, level=level)
        if name == "overshoot" or not found.low < 0:
            return found
        return msgspec.structs.replace(found, low=0.0, method=f"{found.method}, cut at 0")

    return Decomposition(
        error=mean("error"),
        miscalibration=mean("miscalibration"),
        overshoot=mean("overshoot"),
        orthogonality=mean("orthogonality", (0.0, 1.0)),
        side_effect=mean("side_effect"),
        nothing_asked=int((~wants).sum()),
        nothing_moved=int((~moves).sum()),
        rows=rows,
    )


def _checked(*given: npt.ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Read three tables of vectors of one shape."""
    tables = [np.atleast_2d(np.asarray(each, dtype=np.float64)) for each in given]
    names = ("before", "target", "after")
    for name, table in zip(names, tables, strict=True):
        if table.shape != tables[0].shape or table.ndim != 2:
            raise DataError(f"`{name}` has the shape {table.shape}, and `before` {tables[0].shape}")
        if not np.isfinite(table).all():
            row = int(np.argwhere(~np.isfinite(table))[0][0]) + 1
            raise DataError(
                f"`{name}` holds a number that is missing or infinite", row=row, fix="leave the row out"
            )
    return tables[0], tables[1], tables[2]
