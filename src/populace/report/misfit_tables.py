"""A population beside its reference, as small frames: shares of every value, distances, pairs, cells.

Every frame here is what a figure and the table beside it are made from.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import polars as pl

from populace.population import Fidelity, Margin, beside_census, census_margins, major_groups
from populace.population.sides import NOT_APPLICABLE, Sides, readable, weight_of
from populace.population.us2024.source import census

__all__ = [
    "by_census",
    "census_fidelity",
    "distances",
    "no_shares",
    "pairs",
    "share_table",
    "singles",
    "varying",
    "worst_cells",
]


def share_table(sides: Sides) -> pl.DataFrame:
    """Set our weighted share of every value beside the reference's.

    Returns
    -------
    `variable`, `code`, `label`, `ours`, `theirs` (shares) and `error`: the standard error that the share
    of an honest sample as large as ours would have. Values that neither has are left out, and variables
    that one of the two lacks.
    """
    parts = []
    for name in sides.names:
        ours, theirs, effective = sides.tables([name])
        if not effective > 0:
            continue
        present = np.flatnonzero((ours > 0) | (theirs > 0))
        parts.append(
            pl.DataFrame(
                {
                    "variable": [name] * len(present),
                    "code": present,
                    "label": [sides.label(name, int(code)) for code in present],
                    "ours": ours[present],
                    "theirs": theirs[present],
                    "error": np.sqrt(theirs[present] * (1 - theirs[present]).clip(0) / effective),
                }
            )
        )
    return pl.concat(parts) if parts else pl.DataFrame(schema=_SHARES)


def no_shares() -> pl.DataFrame:
    """Give the table of `share_table` without rows."""
    return pl.DataFrame(schema=_SHARES)


def by_census(people: pl.DataFrame, *, adults: bool) -> pl.DataFrame:
    """Give the table of `share_table` against the census margins in the package."""
    weight = weight_of(people)
    effective = weight.sum() ** 2 / max((weight**2).sum(), 1e-300)
    both = _beside_census(people, adults=adults)
    return both.select(
        pl.col("attribute").alias("variable"),
        pl.int_range(pl.len()).over("attribute").cast(pl.Int64).alias("code"),
        pl.col("label").fill_null(NOT_APPLICABLE),
        pl.col("share").alias("ours"),
        pl.col("census").alias("theirs"),
        (pl.col("census") * (1 - pl.col("census")).clip(0) / effective).sqrt().alias("error"),
    )


def _beside_census(people: pl.DataFrame, *, adults: bool) -> pl.DataFrame:
    if {"STATE", "AGEP"} <= set(people.columns):
        return beside_census(people, adults=adults)
    # No census codes: compare the labels that mean the same.
    census, found = census_margins(adults=adults), readable(major_groups(people))
    parts = []
    for (attribute,), part in census.group_by("attribute", maintain_order=True):
        known = part["label"].drop_nulls()
        if attribute not in found.columns or not found[str(attribute)].is_in(known.implode()).any():
            continue
        ours = (
            found.select(pl.col(str(attribute)).alias("label"), weight=pl.Series(weight_of(people)))
            .group_by("label")
            .agg(pl.col("weight").sum())
            .select("label", found=(pl.col("weight") / pl.col("weight").sum()).round(12))
        )
        both = part.join(ours, on="label", how="full", nulls_equal=True, coalesce=True)
        parts.append(
            both.select(
                pl.lit(str(attribute)).alias("attribute"),
                "label",
                pl.col("found").fill_null(0.0).alias("share"),
                pl.col("share").fill_null(0.0).alias("census"),
            ).sort("label", nulls_last=True)
        )
    columns = {"attribute": pl.String, "label": pl.String, "share": pl.Float64, "census": pl.Float64}
    return pl.concat(parts) if parts else pl.DataFrame(schema=columns)


def distances(shares: pl.DataFrame) -> pl.DataFrame:
    """Sum up each variable: `variable`, `values`, `distance` (total variation), `noise`, largest first.

    `noise` is the total variation that an honest sample as large as ours shows on average.

    Examples
    --------
    >>> table = pl.DataFrame({"variable": ["sex"] * 2, "ours": [0.52, 0.48], "theirs": [0.5, 0.5],
    ...     "error": [0.01, 0.01]})
    >>> distances(table).with_columns(pl.col("distance", "noise").round(4)).row(0)
    ('sex', 2, 0.02, 0.008)
    """
    gap, spread = (pl.col("ours") - pl.col("theirs")).abs(), pl.col("error") * math.sqrt(2 / math.pi)
    return (
        shares.group_by("variable", maintain_order=True)
        .agg(
            pl.len().cast(pl.Int64).alias("values"),
            (gap.sum() / 2).alias("distance"),
            (pl.min_horizontal(spread, 2 * pl.col("theirs")).sum() / 2).alias("noise"),
        )
        .sort("distance", descending=True, maintain_order=True)
    )


def census_fidelity(shares: pl.DataFrame, people: int) -> Fidelity:
    """Read the distances of `by_census` as a `Fidelity` of one-way margins."""
    rows = distances(shares).select("variable", "distance", "noise").iter_rows()
    found = tuple(Margin((name,), distance, noise) for name, distance, noise in rows)
    return Fidelity(people, census().records, found)


def worst_cells(sides: Sides, names: Sequence[str], most: int = 2) -> list[tuple[str, float, float]]:
    """List the combinations of values that differ most: their labels, our share, the reference's share."""
    ours, theirs, _ = sides.tables(names)
    sizes = [sides.size(name) for name in names]
    cells = np.argsort(-np.abs(ours - theirs), kind="stable")[:most]
    found = []
    for cell in cells.tolist():
        codes = np.unravel_index(cell, sizes)
        label = " × ".join(sides.label(name, int(code)) for name, code in zip(names, codes, strict=True))
        found.append((label, float(ours[cell]), float(theirs[cell])))
    return [(label, our, their) for label, our, their in found if our != their]


def singles(found: Fidelity) -> pl.DataFrame:
    """Lay out the one-way margins: `variable`, `distance`, `noise`, the worst first."""
    rows = [(*m.variables, m.total_variation, m.noise) for m in found.of(1)]
    schema = {"variable": pl.String, "distance": pl.Float64, "noise": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def pairs(found: Fidelity) -> pl.DataFrame:
    """Lay out the two-way margins: `a`, `b`, `distance`, `noise`, `ratio` (distance over noise).

    A pair whose noise is zero (one combination only) has no ratio.
    """
    rows = [(*m.variables, m.total_variation, m.noise) for m in found.of(2)]
    table = pl.DataFrame(rows, schema=_PAIRS, orient="row")
    return table.with_columns(
        pl.when(pl.col("noise") > 0).then(pl.col("distance") / pl.col("noise")).alias("ratio")
    )


def varying(table: pl.DataFrame, alone: pl.DataFrame) -> pl.DataFrame:
    """Leave out pairs of a variable that has one value only, as the state of people of one state."""
    constant = alone.filter((pl.col("noise") < 1e-9) & (pl.col("distance") < 1e-9))["variable"]
    return table.filter(~pl.col("a").is_in(constant.implode()) & ~pl.col("b").is_in(constant.implode()))


_SHARES = {
    "variable": pl.String, "code": pl.Int64, "label": pl.String, "ours": pl.Float64, "theirs": pl.Float64,
    "error": pl.Float64,
}  # fmt: skip
_PAIRS = {"a": pl.String, "b": pl.String, "distance": pl.Float64, "noise": pl.Float64}
