"""Raking: weights changed as little as possible so that margins hold.

Iterative proportional fitting (Deming and Stephan, 1940, Annals of Mathematical Statistics 11, 427-444):
the weights of each cell of a margin are multiplied by target / sum, margin after margin, again and again.
Where some weights meet all margins and are positive wherever the given ones are (target zero aside), this
converges geometrically to the ones nearest to the given in Kullback-Leibler divergence (Csiszár, 1975,
Annals of Probability 3, 146-158): the order of margins has no say, and every weight is its old value times
one factor a cell. Where margins can only be met with further zeros, it converges, but slowly; where they
cannot be met at all, it circles, and an error says which margins fight.

Bounds and caps give the nearest weights within them, min(max(old · factors, low), high): the truncated case
of Deville and Särndal (1992, Journal of the American Statistical Association 87), so margins and caps hold
together, and no loop of trimming and raking again is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import polars as pl

from populace.errors import DataError
from populace.population.rakecells import (
    Cells,
    Group,
    code_margins,
    group_margins,
    same_total,
    shared_margins_agree,
)
from populace.population.raked import Raking, diagnose, not_converged, report_of, worst_misfit
from populace.population.rakenewton import LARGEST, Newton
from populace.population.targets import Margins, Target, as_targets
from populace.population.weights import Cap, Floats, check_weights, tally, total_of

__all__ = ["rake"]

_LOOK = 50
"""Sweeps after which margins that still do not hold are searched for a contradiction."""
_SWEEPS, _NEAR, _STEPS = 3, 0.5, 30
"""Newton's method goes on after so many sweeps, from so small a misfit, for so many steps at a time."""


def rake(
    frame: pl.DataFrame,
    margins: Margins | Sequence[pl.DataFrame],
    *,
    weight: str | None = "weight",
    bounds: tuple[float, float] | None = None,
    cap: Cap | None = None,
    total: float | None = None,
    rescale: bool = False,
    strict: bool = True,
    signed: bool = False,
    missing: Literal["error", "merge"] | None = None,
    max_iterations: int = 1000,
    tolerance: float = 1e-9,
) -> Raking:
    """Find weights that meet margins, as near the given ones as can be.

    Parameters
    ----------
    frame
        People, one a row: the columns that the margins name, and the weight.
    margins
        Frames with the variables and `target`; or `{column: {category: target}}`; or a CSV or TOML file; or
        `us-2024`. Margins whose targets add up to 1.5 or less are shares, and must add up to 1; others are
        counts and must have one total.
    weight
        Column of the weights to start from; None starts from equal ones.
    bounds
        Least and largest ratio of new to old weight, both brought to the same total.
    cap
        Largest new weight. Medians and quantiles are those of the weights raked without it.
    total
        What the weights shall add up to, where all margins are shares; the old weights' sum by default.
    rescale
        Bring every margin to the same total, as for published shares that are rounded: `total`, or else that
        of the first counts, or else that of the old weights.
    strict
        Raise where the margins do not hold in the end; otherwise `converged` and the report say so.
    signed
        Allow weights below 0, as some replicate weights of the Census Bureau are.
    missing
        What becomes of a category that has a target, but nobody who weighs anything: `error`, or `merge`,
        which gives its target to the others of the margin in proportion, and says so in `notes`. By default
        an error; signed weights, those of replicates that happen to leave a small category empty, are merged.
    max_iterations, tolerance
        Sweeps over all margins, and the largest relative misfit of a cell that counts as held.

    Returns
    -------
    Raking
        Weights and what became of every margin.

    Raises
    ------
    DataError
        If margins are malformed or contradict one another, name categories that nobody has or leave out
        some that people have; if weights are negative or all zero; or if the margins do not hold in the end.

    Examples
    --------
    >>> people = pl.DataFrame({"sex": ["F", "F", "M"], "weight": [1.0, 1.0, 1.0]})
    >>> rake(people, {"sex": {"F": 0.5, "M": 0.5}}).weights.tolist()
    [0.75, 0.75, 1.5]
    """
    if missing not in (None, "error", "merge"):
        raise DataError(f"there is no way {missing!r} to treat absent categories", fix="give error or merge")
    targets = as_targets(margins)
    base = _base(frame, weight, signed=signed)
    try:
        return _rake(
            frame,
            targets,
            base,
            bounds,
            cap,
            total,
            rescale,
            strict,
            missing == "merge" or (missing is None and signed),
            signed,
            max_iterations,
            tolerance,
        )
    except DataError as error:
        if not signed:
            raise
        what = f"{error.what} (by the weights {weight})"
        raise DataError(what, file=error.file, row=error.row, column=error.column, fix=error.fix) from error


def _rake(
    frame: pl.DataFrame,
    targets: list[Target],
    base: Floats,
    bounds: tuple[float, float] | None,
    cap: Cap | None,
    total: float | None,
    rescale: bool,
    strict: bool,
    merge: bool,
    signed: bool,
    max_iterations: int,
    tolerance: float,
) -> Raking:
    # Whether 100 is a count was seen by the weights that the replicates go with.
    numbers = same_total(targets, total_of(base), total, rescale=rescale, hundred=signed)
    shared_margins_agree(targets, numbers)
    cells, notes = code_margins(frame, targets, numbers, base, merge=merge)
    scaled = base * (total_of(cells[0].target) / total_of(base))
    fit = _Fit(cells, base, max_iterations, tolerance, strict)
    weights = fit.free(scaled) if bounds is None else fit.within(scaled, *_limits(scaled, bounds, None))
    level = None if cap is None else cap.level(weights)
    if level is not None:
        weights = fit.within(scaled, *_limits(scaled, bounds, level))
    report = report_of(cells, scaled, weights)
    converged = bool(report["relative"].to_numpy().max() <= tolerance)
    if strict and not converged:
        raise diagnose(cells, base) or not_converged(report, fit.iterations)
    factor = weights[scaled != 0] / scaled[scaled != 0]
    return Raking(
        weights=weights,
        converged=converged,
        iterations=fit.iterations,
        tolerance=tolerance,
        cells=report,
        factor_low=float(factor.min()),
        factor_high=float(factor.max()),
        zeroed=int(np.count_nonzero((weights == 0) & (base != 0))),
        cap=level,
        notes=tuple(notes),
    )


def _base(frame: pl.DataFrame, weight: str | None, *, signed: bool) -> Floats:
    if frame.is_empty():
        raise DataError("there is nobody to weight")
    if weight is None:
        return np.ones(frame.height)
    if weight not in frame.columns:
        raise DataError("the people have no such column", column=weight, fix="name the column of the weights")
    if not frame[weight].dtype.is_numeric():
        raise DataError("weights are not numbers", column=weight)
    values = frame[weight].cast(pl.Float64).to_numpy()
    check_weights(np.abs(values) if signed else values, weight)
    return values


def _limits(scaled: Floats, bounds: tuple[float, float] | None, level: float | None) -> tuple[Floats, Floats]:
    low, high = bounds or (0.0, np.inf)
    if not 0 <= low <= 1 <= high:
        raise DataError(
            f"bounds {low:g} to {high:g} leave no room", fix="give a low of 0 to 1, a high from 1"
        )
    # A weight below 0 is bounded like its size; 0 times no bound is 0, as what weighs nothing stays so.
    size = np.abs(scaled)
    most = np.where(size > 0, np.inf, 0.0) if np.isinf(high) else size * high
    lowest = np.where(scaled < 0, -most, size * low)
    highest = np.where(scaled < 0, -size * low, most)
    if level is not None:
        highest = np.minimum(highest, level)
    return np.minimum(lowest, highest), highest


class _Fit:
    """Sweeps over margins until all hold."""

    def __init__(
        self, cells: list[Cells], base: Floats, max_iterations: int, tolerance: float, strict: bool
    ) -> None:
        self.cells, self.base, self.strict = cells, base, strict
        self.max_iterations, self.tolerance = max_iterations, tolerance
        self.iterations = 0

    def free(self, base: Floats) -> Floats:
        """Fit proportionally.

        Margins are grouped so that a group has few joint cells; its margins are then fitted one after the
        other on the table of these, and the people are visited once a group, not once a margin. With a
        single group they are visited once in all. The numbers are the same: factors know only cells.
        """
        groups = group_margins(self.cells, len(base))
        if len(groups) == 1:
            code, size, members = groups[0]
            table = tally(code, base, size)
            fitted = self._fit(table.copy(), [(np.arange(size), size, members)])
            ratio = np.divide(fitted, table, out=np.zeros(size), where=table != 0)
            return base * ratio[code]
        return self._fit(base.copy(), groups)

    def _fit(self, weights: Floats, groups: list[Group]) -> Floats:
        """Sweep; where margins do not hold soon, let Newton's method go on, and sweep again."""
        newton = Newton(self.cells, groups) if sum(c.size for c in self.cells) <= LARGEST else None
        for sweep in range(1, self.max_iterations + 1):
            self.iterations += 1
            worst = self._sweep(weights, groups)
            if worst <= self.tolerance and worst_misfit(self.cells, weights, groups) <= self.tolerance:
                break
            if newton and worst < _NEAR and sweep >= _SWEEPS:
                weights, steps = newton.run(weights, self.tolerance / 10, _STEPS)
                self.iterations += steps
                newton = newton if steps == _STEPS else None
            if self.strict and sweep == _LOOK and (found := diagnose(self.cells, self.base)):
                raise found
        return weights

    def _sweep(self, weights: Floats, groups: list[Group]) -> float:
        """Fit every margin once, in place; give how far the worst cell was off when its turn came."""
        worst = 0.0
        for code, size, members in groups:
            table, factor = tally(code, weights, size), np.ones(size)
            for margin, place in members:
                cell = self.cells[margin]
                step, misfit = _step(cell, tally(place, table, cell.size))
                worst = max(worst, misfit)
                spread = step[place]
                table *= spread
                factor *= spread
            # Codes are in range: "clip" only spares the check.
            weights *= np.take(factor, code, mode="clip")
        return worst

    def within(self, base: Floats, low: Floats, high: Floats) -> Floats:
        """Fit within limits of every weight.

        A cell's factor is solved for by one Newton step a visit: only people strictly between their limits
        respond to it.
        """
        _reachable(self.cells, low, high)
        free_weight = base.copy()
        weights = np.clip(free_weight, low, high)
        for _ in range(self.max_iterations):
            self.iterations += 1
            worst = 0.0
            for cell in self.cells:
                sums = tally(cell.code, weights, cell.size)
                worst = max(worst, _step(cell, sums)[1])
                inside = (weights > low) & (weights < high)
                moving = tally(cell.code, weights * inside, cell.size)
                need = cell.target - sums
                step = 1 + np.divide(need, moving, out=np.zeros(cell.size), where=moving > 0)
                stuck = (moving <= 0) & (np.abs(need) > self.tolerance * cell.target) & (sums > 0)
                step[stuck] = cell.target[stuck] / sums[stuck]
                step = np.where(cell.target == 0, 0.0, np.clip(step, 0.5, 2.0))
                free_weight *= step[cell.code]
                weights = np.clip(free_weight, low, high)
            if worst <= self.tolerance and worst_misfit(self.cells, weights) <= self.tolerance:
                break
        return weights


def _step(cell: Cells, sums: Floats) -> tuple[Floats, float]:
    """Give the factor of every cell of a margin, and how far the margin was off."""
    factor = np.divide(cell.target, sums, out=np.ones(cell.size), where=sums > 0)
    # Weights below 0 may add up to less.
    factor[cell.target == 0] = 0.0
    off = np.abs(sums - cell.target)
    # A cell that shall be empty is off by its share of the whole.
    scale = np.where(cell.target > 0, cell.target, cell.total)
    return factor, float((off / scale).max())


def _reachable(cells: list[Cells], low: Floats, high: Floats) -> None:
    for cell in cells:
        least = tally(cell.code, low, cell.size)
        most = tally(cell.code, high, cell.size)
        short = (cell.target > most * (1 + 1e-12)) & (cell.target > 0)
        over = (cell.target < least * (1 - 1e-12)) & (cell.target > 0)
        if short.any() or over.any():
            worst = int(np.flatnonzero(short | over)[0])
            reach = f"at most {most[worst]:,.6g}" if short[worst] else f"at least {least[worst]:,.6g}"
            raise DataError(
                f"{cell.label(worst)} shall weigh {cell.target[worst]:,.6g}, but within the bounds {reach}",
                column=cell.name,
                fix="widen the bounds, raise the cap, or merge this category with another",
            )
