"""What raking gives: the weights, how well every margin holds, and why one does not."""

from __future__ import annotations

import itertools

import msgspec
import numpy as np
import polars as pl

from populace.errors import DataError
from populace.population.rakecells import Cells, Group
from populace.population.weights import Floats, design_effect, effective_size, tally

__all__ = ["Raking", "diagnose", "report_of"]

_PRODUCT = 1 << 22


class Raking(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """Weights that meet margins, and how they do."""

    weights: Floats
    """One a person, in the order of the frame."""
    converged: bool
    """Whether every cell holds within the tolerance."""
    iterations: int
    """Sweeps over all margins."""
    tolerance: float
    """Largest relative misfit of a cell that counts as held."""
    cells: pl.DataFrame
    """Every cell: `margin`, `category`, `target`, `before` (weights given, brought to the same total),
    `after`, `misfit` (after − target), `relative` (its size over the target, or over the total where the
    target is 0)."""
    factor_low: float
    """Least ratio of new to old weight, both brought to the same total."""
    factor_high: float
    """Largest such ratio."""
    zeroed: int
    """People whose weight a target of 0 took away."""
    cap: float | None = None
    """Largest weight that was allowed."""
    notes: tuple[str, ...] = ()
    """What was done about categories that nobody has."""

    @property
    def design_effect(self) -> float:
        """Kish's 1 + cv² of the new weights."""
        return design_effect(self.weights)

    @property
    def effective_size(self) -> float:
        """People of equal weight that would tell as much."""
        return effective_size(self.weights)

    @property
    def margins(self) -> pl.DataFrame:
        """Margins, one a row: cells, largest misfits, total variation from the targets before and after."""
        whole = pl.col("target").sum()
        return self.cells.group_by("margin", maintain_order=True).agg(
            cells=pl.len(),
            worst_absolute=pl.col("misfit").abs().max(),
            worst_relative=pl.col("relative").max(),
            distance_before=(pl.col("before") - pl.col("target")).abs().sum() / 2 / whole,
            distance_after=(pl.col("after") - pl.col("target")).abs().sum() / 2 / whole,
        )

    def text(self) -> str:
        """Say what happened, a line a margin."""
        held = "converged" if self.converged else "did NOT converge"
        lines = [
            f"{held} in {self.iterations} sweeps, tolerance {self.tolerance:g}; {len(self.weights):,} people",
            f"weights {self.weights.min():.4g} to {self.weights.max():.4g}, factors {self.factor_low:.3g} to "
            f"{self.factor_high:.3g}",
            f"design effect {self.design_effect:.3f}, effective size {self.effective_size:,.0f}",
        ]
        if self.zeroed:
            lines.append(f"a target of 0 took the weight of {self.zeroed:,} away")
        if self.cap is not None:
            at_cap = int(np.count_nonzero(self.weights >= self.cap * (1 - 1e-12)))
            lines.append(f"{at_cap:,} people are at the cap of {self.cap:.4g}")
        lines += self.notes
        for name, cells, _, relative, before, after in self.margins.iter_rows():
            moved = f"total variation {before:.4f} → {after:.1e}"
            lines.append(f"  {name}: {cells} cells, worst misfit {relative:.1e}, {moved}")
        return "\n".join(lines)


def report_of(cells: list[Cells], before: Floats, after: Floats) -> pl.DataFrame:
    """Compare every cell with its target; see `Raking.cells`."""
    parts = []
    for cell in cells:
        misfit = (fitted := tally(cell.code, after, cell.size)) - cell.target
        parts.append(
            {
                "margin": [cell.name] * cell.size,
                "category": [cell.label(place) for place in range(cell.size)],
                "target": cell.target,
                "before": tally(cell.code, before, cell.size),
                "after": fitted,
                "misfit": misfit,
                "relative": np.abs(misfit) / np.where(cell.target > 0, cell.target, cell.total),
            }
        )
    return pl.concat(pl.DataFrame(part) for part in parts)


def worst_misfit(cells: list[Cells], weights: Floats, groups: list[Group] | None = None) -> float:
    """Largest relative misfit of any cell; groups of margins spare visits to the people."""
    worst = 0.0
    alone = [(cell.code, cell.size, [(k, np.arange(cell.size))]) for k, cell in enumerate(cells)]
    for code, size, members in groups or alone:
        table = tally(code, weights, size)
        for margin, place in members:
            cell = cells[margin]
            misfit = np.abs(tally(place, table, cell.size) - cell.target)
            worst = max(worst, float((misfit / np.where(cell.target > 0, cell.target, cell.total)).max()))
    return worst


def diagnose(cells: list[Cells], base: Floats) -> DataError | None:
    """Find a category whose people, by another margin, may weigh less in all than it shall.

    Examples
    --------
    If all women live in the North and the North shall weigh 40, women cannot weigh 50.
    """
    for one, two in itertools.permutations(cells, 2):
        if one.size * two.size > _PRODUCT:
            continue
        joint = np.bincount((one.code * two.size + two.code)[base > 0], minlength=one.size * two.size) > 0
        # Zero targets are no obstacle to what they allow: only what is reachable counts.
        reach = joint.reshape(one.size, two.size) @ two.target
        short = one.target > reach * (1 + 1e-9) + 1e-12 * one.total
        if short.any():
            cell = int(np.flatnonzero(short)[0])
            where = [two.label(int(b)) for b in np.flatnonzero(joint.reshape(one.size, two.size)[cell])]
            listed = ", ".join(where[:5]) + (" …" if len(where) > 5 else "")
            return DataError(
                f"{one.label(cell)} shall weigh {one.target[cell]:,.6g}, but all its people are in the "
                f"categories {listed} of the margin {two.name}, which shall weigh {reach[cell]:,.6g} in all",
                column=one.name,
                fix="merge categories, or correct one of the two margins",
            )
    return None


def not_converged(report: pl.DataFrame, iterations: int) -> DataError:
    """Name the worst cells of margins that do not hold."""
    worst = report.sort("relative", descending=True).head(5)
    cells = "; ".join(
        f"{margin} = {category}: {after:,.6g} for {target:,.6g}"
        for margin, category, target, after in worst.select(
            "margin", "category", "target", "after"
        ).iter_rows()
    )
    names = ", ".join(dict.fromkeys(worst["margin"]))
    return DataError(
        f"raking did not converge in {iterations} sweeps; the worst cells are {cells}",
        column=names,
        fix="merge small categories of these margins or leave one out, allow more iterations or a larger "
        "tolerance, or pass strict=False to have the weights as they are",
    )
