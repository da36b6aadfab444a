"""One conditional table in compressed rows: counting it, combining it with a shorter one, storing it.

The rules of suppression and back-off are described in `populace.population.tables`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np
import polars as pl

__all__ = ["Distributions", "Level", "count", "expand", "find", "pack", "restored", "stored"]

# Weights are kept to this many significant bits (0.05 %), which halves the stored file.
_BITS = 10
_ROUNDING = 2.0 ** (1 - _BITS)


class Level(msgspec.Struct, frozen=True):
    """The table of one node given one prefix of its parents, in compressed rows."""

    keys: np.ndarray
    """(configurations,) packed values of the prefix, ascending."""
    starts: np.ndarray
    """(configurations + 1,) where each configuration's cells begin."""
    values: np.ndarray
    """(cells,) index into the node's categories; one past the last stands for the remainder."""
    weights: np.ndarray
    """(cells,) weighted count."""


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
    kept = kept.sort("key", "value")
    return _level(kept["key"].to_numpy(), kept["value"].to_numpy(), _round(kept["w"].to_numpy()))


def _round(weight: np.ndarray) -> np.ndarray:
    mantissa, exponent = np.frexp(weight)
    return np.ldexp(np.round(mantissa * 2**_BITS) / 2**_BITS, exponent)


def _level(keys: np.ndarray, values: np.ndarray, weights: np.ndarray) -> Level:
    unique, starts = np.unique(keys.astype(np.int64), return_index=True)
    return Level(unique, np.append(starts, len(weights)), values.astype(np.int64), weights)


class Distributions(msgspec.Struct, frozen=True):
    """A level completed: what is drawn from, each row a cumulative distribution that ends at 1."""

    whole: np.ndarray
    """(configurations, values) given the prefix, whatever the further parents are."""
    rest: np.ndarray
    """(configurations, values) given the prefix and that one parent further nothing is stored."""


def expand(levels: Sequence[Level], sizes: Sequence[int], width: int) -> list[Distributions]:
    """Complete every stored configuration to distributions over all values.

    A remainder, and a configuration that is not stored at all, follow the *rest* of the prefix: the weight
    of the prefix minus all that is stored one parent further. What the tables hold in total then equals
    what was counted, for every prefix and value (Kneser & Ney, 1995, equation 8 without discounts).

    Parameters
    ----------
    levels
        Tables of one node, from the kept parents to all of them.
    sizes
        Number of values of the parent that each level after the first adds.
    width
        Number of values of the node.
    """
    weights = [_dense(level, width) for level in levels]
    whole = [_normalised(weights[0][:, :-1])]
    rest: list[np.ndarray] = []
    for depth in range(1, len(levels)):
        known, remainder = weights[depth][:, :-1], weights[depth][:, -1:]
        parent = find(levels[depth - 1], levels[depth].keys // sizes[depth - 1])
        rest.append(_rest(whole[-1], weights[depth - 1], known, parent))
        shorter = _longest(levels[:depth], rest, sizes, levels[depth].keys)
        whole.append(_normalised(known + remainder * shorter))
    rest.append(whole[-1])
    return [Distributions(_cumulative(w), _cumulative(r)) for w, r in zip(whole, rest, strict=True)]


def _longest(
    levels: Sequence[Level], rest: Sequence[np.ndarray], sizes: Sequence[int], keys: np.ndarray
) -> np.ndarray:
    """Rest of the longest stored prefix of configurations one level further."""
    result = np.zeros((len(keys), rest[0].shape[1]))
    for depth, level in enumerate(levels):
        at = find(level, keys // math.prod(sizes[depth : len(levels)]))
        result[at >= 0] = rest[depth][at[at >= 0]]
    return result


def _rest(whole: np.ndarray, weights: np.ndarray, known: np.ndarray, parent: np.ndarray) -> np.ndarray:
    """Distribution of the weight that is not stored one parent further."""
    expected = whole * weights.sum(axis=1, keepdims=True)
    taken = np.zeros_like(expected)
    np.add.at(taken, parent[parent >= 0], known[parent >= 0])
    untold = expected - taken
    # Weights are rounded: a value told in full must not reappear as a sliver.
    untold = np.where(untold > expected * _ROUNDING, untold, 0.0)
    return _normalised(np.where(untold.any(axis=1, keepdims=True), untold, whole))


def _normalised(table: np.ndarray) -> np.ndarray:
    return table / table.sum(axis=1, keepdims=True)


def _cumulative(table: np.ndarray) -> np.ndarray:
    below = table.cumsum(axis=1)
    return below / below[:, -1:]


def find(level: Level, keys: np.ndarray) -> np.ndarray:
    """Look keys up among a level's configurations; -1 where a configuration is not stored."""
    if not len(level.keys):
        return np.full(len(keys), -1)
    at = np.searchsorted(level.keys, keys).clip(max=len(level.keys) - 1)
    return np.where(level.keys[at] == keys, at, -1)


def _dense(level: Level, width: int) -> np.ndarray:
    table = np.zeros((len(level.keys), width + 1))
    table[np.repeat(np.arange(len(level.keys)), np.diff(level.starts)), level.values] = level.weights
    return table


def stored(node: int, depth: int, level: Level) -> pl.DataFrame:
    """Lay a level out as rows to store; keys as steps, which compress to almost nothing."""
    keys = np.repeat(level.keys, np.diff(level.starts))
    return pl.DataFrame(
        {
            "node": np.full(len(keys), node, dtype=np.uint8),
            "depth": np.full(len(keys), depth, dtype=np.uint8),
            "step": np.diff(keys, prepend=0),
            "value": level.values.astype(np.uint16),
            "weight": level.weights.astype(np.float32),
        }
    )


def restored(part: pl.DataFrame) -> Level:
    """Rebuild a level from the rows of `stored`."""
    weights = part["weight"].cast(pl.Float64).to_numpy()
    return _level(part["step"].cum_sum().to_numpy(), part["value"].to_numpy(), weights)
