"""One conditional table in compressed rows: counting it, combining it with a shorter one, storing it.

The rules of suppression and back-off are described in `populace.population.tables`.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import polars as pl

__all__ = ["Level", "combine", "count", "pack", "restored", "stored"]

# Shares are kept to this many significant bits (0.05 %), which halves the stored file.
_SHARE_BITS = 10


class Level(msgspec.Struct, frozen=True):
    """The table of one node given one prefix of its parents, in compressed rows."""

    keys: np.ndarray
    """(configurations,) packed values of the prefix, ascending."""
    starts: np.ndarray
    """(configurations + 1,) where each configuration's cells begin."""
    values: np.ndarray
    """(cells,) index into the node's categories; one past the last stands for the remainder."""
    shares: np.ndarray
    """(cells,) share of the configuration's weight."""


def pack(positions: np.ndarray, sizes: Sequence[int]) -> np.ndarray:
    """Mixed-radix number of each row of positions."""
    keys = np.zeros(len(positions), dtype=np.int64)
    for column, size in enumerate(sizes):
        keys = keys * size + positions[:, column]
    return keys


def count(cells: pl.DataFrame, sizes: Sequence[int], depth: int, min_records: int, *, base: bool) -> Level:
    """Count a node given its first `depth` parents, and suppress what stands for too few records.

    Parameters
    ----------
    cells
        Columns `"0"`, `"1"`, ...: positions of the parents' values, then of the node's; `n`: records,
        `w`: their weight.
    sizes
        Number of values of each parent, then of the node; a parent's position that reaches it is not
        observed.
    base
        Whether nothing shorter exists to back off to: then there is no remainder.
    """
    observed, key = pl.lit(True), pl.lit(0, dtype=pl.Int64)
    for column, size in enumerate(sizes[:depth]):
        observed = observed & (pl.col(f"{column}") < size)
        key = key * size + pl.col(f"{column}")
    counts = (
        cells.filter(observed)
        .group_by(key.alias("key"), pl.col(f"{len(sizes) - 1}").alias("value"))
        .agg(pl.col("n").sum(), pl.col("w").sum())
        .filter(pl.col("w") > 0)
        .sort("key", "n", "value")
    )
    rare = pl.col("n") < min_records
    if base:
        kept = counts.filter(~rare)
    else:
        # The remainder, too, must stand for enough records: the smallest stored cells join it.
        before = pl.col("n").cum_sum().over("key") - pl.col("n")
        hidden = rare | before.is_between(1, min_records - 1)
        remainder = pl.when(hidden).then(sizes[-1]).otherwise(pl.col("value"))
        kept = (
            counts.with_columns(value=remainder)
            .group_by("key", "value")
            .agg(pl.col("w").sum())
            # A configuration that is all remainder says nothing that the shorter prefix does not.
            .filter((pl.col("value") < sizes[-1]).any().over("key"))
        )
    kept = kept.with_columns(share=pl.col("w") / pl.col("w").sum().over("key")).sort("key", "value")
    return _level(kept["key"].to_numpy(), kept["value"].to_numpy(), _round_share(kept["share"].to_numpy()))


def _round_share(share: np.ndarray) -> np.ndarray:
    mantissa, exponent = np.frexp(share)
    return np.ldexp(np.round(mantissa * 2**_SHARE_BITS) / 2**_SHARE_BITS, exponent)


def _level(keys: np.ndarray, values: np.ndarray, shares: np.ndarray) -> Level:
    unique, starts = np.unique(keys.astype(np.int64), return_index=True)
    return Level(unique, np.append(starts, len(shares)), values.astype(np.int64), shares)


def combine(level: Level, at: np.ndarray, shorter: np.ndarray) -> np.ndarray:
    """Spread the remainders of configurations `at` in the proportions of the shorter prefix.

    Parameters
    ----------
    at
        (rows,) which configurations of `level`.
    shorter
        (rows, values) the same rows' distributions given one parent fewer.

    Returns
    -------
    numpy.ndarray
        Shape (rows, values); rows sum to 1.
    """
    lengths = np.diff(level.starts)[at]
    row = np.repeat(np.arange(len(at)), lengths)
    offset = np.arange(len(row)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    cell = offset + np.repeat(level.starts[at], lengths)
    table = np.zeros((len(at), shorter.shape[1] + 1))
    table[row, level.values[cell]] = level.shares[cell]
    known, remainder = table[:, :-1], table[:, -1]
    spread = np.where(known > 0, 0.0, shorter)
    mass = spread.sum(axis=1)
    scale = np.divide(remainder, mass, out=np.zeros_like(mass), where=mass > 0)
    result = known + spread * scale[:, None]
    # Shares are rounded, and a remainder may find no value left to go to: both normalise away.
    return result / result.sum(axis=1, keepdims=True)


def stored(node: int, depth: int, level: Level) -> pl.DataFrame:
    """Lay a level out as rows to store; keys as steps, which compress to almost nothing."""
    keys = np.repeat(level.keys, np.diff(level.starts))
    return pl.DataFrame(
        {
            "node": np.full(len(keys), node, dtype=np.uint8),
            "depth": np.full(len(keys), depth, dtype=np.uint8),
            "step": np.diff(keys, prepend=0),
            "value": level.values.astype(np.uint16),
            "share": level.shares.astype(np.float32),
        }
    )


def restored(part: pl.DataFrame) -> Level:
    """Rebuild a level from the rows of `stored`."""
    shares = part["share"].cast(pl.Float64).to_numpy()
    return _level(part["step"].cum_sum().to_numpy(), part["value"].to_numpy(), shares)
