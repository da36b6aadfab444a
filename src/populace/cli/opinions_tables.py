"""Items of a survey as a table for a terminal."""

from __future__ import annotations

import polars as pl
from rich.table import Table
from rich.text import Text

__all__ = ["items_table"]


def items_table(table: pl.DataFrame) -> Table:
    """Lay out items one a row; those without a question are marked.

    Parameters
    ----------
    table
        As `populace.opinions.summary.item_table` gives it.
    """
    worded = int((table["question"] != "").sum())
    title = f"{table.height:,} items, {worded:,} with a question (others are marked -)"
    laid = Table(title=title)
    laid.add_column("item", overflow="fold")
    for name in ("n", "options", "mode %", "again", "repeated %"):
        laid.add_column(name, justify="right", no_wrap=True)
    laid.add_column("nearly the same")
    for row in table.iter_rows(named=True):
        laid.add_row(
            # A name is shown as it is: its brackets are no markup.
            Text(row["item"] if row["question"] else f"- {row['item']}"),
            f"{row['answers']:,}",
            f"{row['options']}{' <' if row['ordinal'] else ''}",
            _percent(row["mode_share"]),
            f"{row['again']:,}" if row["again"] else "",
            _percent(row["repeated"]),
            Text(", ".join(row["twins"])),
        )
    laid.caption = "<: the order of the options means something. Shares are weighted."
    return laid


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.0f}"
