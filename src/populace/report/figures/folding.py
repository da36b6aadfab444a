"""Shares of many values, cut to the rows that a figure has room for."""

from __future__ import annotations

import polars as pl

__all__ = ["folded"]


def folded(shares: pl.DataFrame, rows: int) -> pl.DataFrame:
    """Keep the largest values in their own order, and make one of the rest.

    Parameters
    ----------
    shares
        `attribute`, `value`, `census`, `drawn` and `n`, a row a value of one attribute.
    rows
        Rows at most.

    Examples
    --------
    >>> shares = pl.DataFrame({"attribute": "sex", "value": list("abc"), "census": [0.1, 0.7, 0.2],
    ...     "drawn": [0.2, 0.6, 0.2], "n": 10})
    >>> folded(shares, 2).select("value", "census").rows()
    [('b', 0.7), ('2 other values', 0.30000000000000004)]
    """
    if shares.height <= rows:
        return shares
    kept = shares.with_row_index().top_k(rows - 1, by="census").sort("index").drop("index")
    rest = shares.join(kept, on="value", how="anti")
    other = rest.select(
        pl.first("attribute"),
        pl.lit(f"{rest.height} other values").alias("value"),
        pl.sum("census"),
        pl.sum("drawn"),
        pl.first("n"),
    )
    return pl.concat([kept, other])
