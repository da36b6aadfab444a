"""The scores of a study on a terminal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["audit_table"]


def audit_table(estimates: pl.DataFrame) -> Table:
    """Lay out every overall estimate, each measure's arms under its name; fits 80 columns."""
    from rich import box
    from rich.table import Table

    table = Table(title="every score beside its shortcuts", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("measure and arm", "value", "interval", "n", "clusters"):
        table.add_column(name, justify="left" if name == "measure and arm" else "right", overflow="fold")
    overall = estimates.filter(pl.col("attribute").is_null())
    for (measure,), rows in overall.group_by("measure", maintain_order=True):
        if rows.height > 1:
            table.add_row(f"[bold]{measure}[/]")
        for row in rows.iter_rows(named=True):
            arm = row["arm"].removesuffix(" over pairs")  # of verdicts shuffled; said in full it would wrap
            arm = f"  {arm}" if rows.height > 1 else f"[bold]{measure}[/], {arm}"
            table.add_row(arm, *_written(row), f"{row['n']:,}", f"{row['clusters']:,}")
    return table


def _written(row: dict[str, Any]) -> tuple[str, str]:
    """Write value and interval of an estimate; what is not defined is said, never printed as a number."""
    value, low, high = (row[key] for key in ("value", "low", "high"))
    if math.isnan(value):
        return "not defined", "none"
    return f"{value:.3f}", "none" if math.isnan(low) else f"{low:.3f} to {high:.3f}"
