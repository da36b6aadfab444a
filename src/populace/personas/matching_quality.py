"""How good a statistical match is: agreement, reuse of donors, and items before and after."""

from __future__ import annotations

import numpy as np
import polars as pl

from populace.personas.schema import attribute

__all__ = ["MIN_DONORS", "agreement", "by_ideology", "fidelity", "mean", "spread"]

MIN_DONORS = 20
"""Donors a level of ideology must have to be compared by itself."""


def agreement(ours: pl.DataFrame, theirs: pl.DataFrame, mass: np.ndarray) -> dict[str, float | None]:
    """Share of people whose donor has the same value, of those where both are known."""
    same = {name: (ours[name] == theirs[name]).cast(pl.Float64) for name in ours.columns}
    return {name: mean(column.fill_null(np.nan).to_numpy(), mass) for name, column in same.items()}


def mean(values: np.ndarray, mass: np.ndarray) -> float | None:
    """Weighted mean of what is known; None if nothing is."""
    known = ~np.isnan(values)
    return float(np.average(values[known], weights=mass[known])) if mass[known].sum() > 0 else None


def spread(uses: np.ndarray) -> dict[str, float]:
    """How often donors are used."""
    quantiles = {f"q{round(100 * q)}": float(np.quantile(uses, q)) for q in (0.1, 0.5, 0.9)}
    return {"mean": float(uses.mean()), **quantiles, "most": int(uses.max())}


def fidelity(
    item: pl.Series, before: np.ndarray, after: np.ndarray, levels: np.ndarray
) -> dict[str, float | None]:
    """Compare an item among donors and among people.

    Parameters
    ----------
    item
        Answers of the donors.
    before, after
        (groups, donors) weight as a respondent, and as a donor, in each group.
    levels
        (groups,) whether the group is compared by itself; the first is everyone.
    """
    known = item.is_not_null().to_numpy()
    share = float(after[0][~known].sum() / after[0].sum()) if after[0].sum() > 0 else None
    codes = item.drop_nulls().rank("dense").to_numpy().astype(int) - 1
    distances = []
    for one, other in zip(before, after, strict=True):
        tables = [np.bincount(codes, mass[known], minlength=1) for mass in (one, other)]
        whole = [table.sum() for table in tables]
        gap = np.abs(tables[0] / whole[0] - tables[1] / whole[1]).sum() / 2 if min(whole) > 0 else np.nan
        distances.append(gap)
    weights = after[1:].sum(axis=1) * levels[1:]
    return {
        "missing": share,
        "tv": None if np.isnan(distances[0]) else float(distances[0]),
        "tv_by_ideology": mean(np.where(levels[1:], distances[1:], np.nan), weights),
    }


def by_ideology(donor: np.ndarray, ideology: pl.Series, size: int, mass: np.ndarray) -> np.ndarray:
    """Weight on each donor among everyone, then among each level of ideology, shape (6, size)."""
    codes = ideology.fill_null(-1).to_numpy()
    rows = [np.bincount(donor, mass, minlength=size)]
    for level in range(len(attribute("ideology").values)):
        rows.append(np.bincount(donor[codes == level], mass[codes == level], minlength=size))
    return np.array(rows)
