"""One draw of the chain: trees with their cells, how they are laid out to be stored, and drawn from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import polars as pl

from populace.population.generative.cells import Cells, complete
from populace.population.generative.structure import Structure

__all__ = ["Sampler", "Step"]


class Step(msgspec.Struct, frozen=True):
    """Trees that draw one thing: a variable, its major group, or its code within the group."""

    variable: str
    size: int
    """Number of positions."""
    structure: Structure
    cells: Cells

    def shares(self) -> np.ndarray:
        """Give the distribution of every node, shape (nodes, positions)."""
        return complete(self.structure, self.cells, self.size)

    def head(self) -> dict[str, Any]:
        """Give what `rows` leaves out."""
        return {"variable": self.variable, "size": self.size, "roots": self.structure.roots}

    def rows(self, number: int) -> pl.DataFrame:
        """Lay the trees out as rows to store, one a node."""
        cells, structure = self.cells, self.structure
        ends = np.cumsum(np.bincount(cells.node, minlength=len(structure.feature)))
        return pl.DataFrame(
            {
                "step": np.full(len(ends), number, dtype=np.uint8),
                "feature": structure.feature,
                "cut": structure.cut,
                "mask": structure.mask,
                "remainder": cells.remainder.astype(np.float32),
                "applies": cells.applies,
                "values": _lists(cells.value.astype(np.uint16), ends),
                "weights": _lists(cells.weight.astype(np.float32), ends),
            }
        )

    @classmethod
    def restore(cls, head: Mapping[str, Any], rows: pl.DataFrame) -> Step:
        """Rebuild a step from its head and rows."""
        feature, cut, mask, remainder, applies = (
            rows[name].to_numpy() for name in ("feature", "cut", "mask", "remainder", "applies")
        )
        lengths = rows["values"].list.len().to_numpy()
        told = rows.select("values", "weights").filter(pl.col("values").list.len() > 0)
        cells = Cells(
            np.repeat(np.arange(rows.height), lengths),
            told["values"].explode().to_numpy().astype(np.int64),
            told["weights"].explode().to_numpy().astype(np.float64),
            remainder.astype(np.float64),
            applies,
        )
        structure = Structure(feature, cut, mask, int(head["roots"]))
        return cls(str(head["variable"]), int(head["size"]), structure, cells)


def _lists(values: np.ndarray, ends: np.ndarray) -> pl.Series:
    """Cut an array into one list a node."""
    parts = [part.tolist() for part in np.split(values, ends[:-1])]
    return pl.Series(parts, dtype=pl.List(pl.UInt16 if values.dtype == np.uint16 else pl.Float32))


class Sampler:
    """A step made ready to draw from: inverse distribution functions, and for each a guide to its cells.

    A leaf of n cells has n guides: where the search starts for a uniform number in [j/n, (j+1)/n). One step
    on the average then finds the cell (Chen and Asau, 1974, AIIE Transactions 6, 163-166).
    """

    def __init__(self, step: Step) -> None:
        self.structure = step.structure
        leaves = step.structure.feature < 0
        table = step.shares()[leaves]
        self._number = np.cumsum(leaves) - 1
        row, self._position = np.nonzero(table)
        below = table.cumsum(axis=1)[row, self._position]
        # The last cell of a leaf ends exactly at 1.
        below[np.append(row[1:] != row[:-1], True)] = 1.0
        self._below = below + row
        self._cells = np.bincount(row, minlength=len(table))
        self._first = np.cumsum(self._cells) - self._cells
        within = np.arange(len(row)) - self._first[row]
        self._guide = np.searchsorted(self._below, row + within / self._cells[row], side="right")

    def draw(self, features: np.ndarray, start: np.ndarray, uniform: np.ndarray) -> np.ndarray:
        """Draw positions by inverse distribution function.

        Parameters
        ----------
        features
            (features, rows) uint8 positions of what was drawn before.
        start
            (rows,) root of each row.
        uniform
            (rows,) numbers in [0, 1).
        """
        leaf = self._number.take(self.structure.leaves(features, start))
        # Rounding leaf + uniform must not reach the next leaf.
        uniform = np.minimum(uniform, 1 - 2**-30)
        at = self._guide.take(self._first.take(leaf) + (uniform * self._cells.take(leaf)).astype(np.intp))
        wanted = leaf + uniform
        short = np.flatnonzero(self._below.take(at) <= wanted)
        while len(short):
            at[short] += 1
            short = short[self._below.take(at.take(short)) <= wanted.take(short)]
        return self._position.take(at)
