"""Which answers are scored, and what tables of predictions say of them.

A table is nan where nothing was predicted. Whether that is a cell that was not asked or a refusal, the
caller says: by default all tables are scored where all of them predict; a mask of cells makes every gap in
it a refusal, which has to count something.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal

import numpy as np

from populace.errors import DataError
from populace.opinions.splits import Split
from populace.opinions.table import Opinions
from populace.stats.proper import refused

__all__ = ["Cells", "Handling", "Scored", "cells_of", "common_cells", "scored"]

Handling = Literal["raise", "uniform", "leave out"]


@dataclass(frozen=True)
class Cells:
    """Answers that are scored, one number a cell, in the order of respondents.

    Attributes
    ----------
    rows
        Row among the tested, shape (C,) like all others.
    columns
        Item.
    truth
        Option that the respondent chose.
    weights
        Of the survey.
    sizes
        Options of the item.
    ordinal
        Whether their order means something.
    ridits
        Shape (C, widest): where each option lies among the answers of those who are learned from, the share
        below it and half of its own; 0 beyond an item's options.
    """

    rows: np.ndarray
    columns: np.ndarray
    truth: np.ndarray
    weights: np.ndarray
    sizes: np.ndarray
    ordinal: np.ndarray
    ridits: np.ndarray

    def __len__(self) -> int:
        """Number of cells."""
        return self.rows.size


def cells_of(opinions: Opinions, split: Split, mask: np.ndarray | None = None) -> Cells:
    """List the cells to be scored: all that are asked, or those of a mask, shape (tests, M).

    Raises
    ------
    DataError
        If the mask has another shape, or holds cells that were not asked.
    """
    chosen = split.asked if mask is None else mask
    if chosen.shape != split.asked.shape:
        raise DataError(f"the cells have the shape {chosen.shape}, what is asked {split.asked.shape}")
    if (chosen & ~split.asked).any():
        raise DataError("cells are to be scored that were not asked", fix="take them from `split.asked`")
    rows, columns = np.nonzero(chosen)
    people = split.test[rows]
    # Where nobody is learned from, those who are tested stand for the population themselves.
    places = _ridits(opinions.take(split.train if split.train.size else split.test))
    return Cells(
        rows,
        columns,
        opinions.answers[people, columns].astype(np.int64),
        opinions.weights[people],
        opinions.sizes[columns],
        np.array([item.ordinal for item in opinions.items], dtype=bool)[columns],
        opinions.gather(np.zeros_like(columns), columns, places[None]),
    )


def _ridits(opinions: Opinions) -> np.ndarray:
    """Place options among the answers given, shape (K,): the share below, and half of the option's own."""
    shares = opinions.shares(prior=1.0)
    below = np.cumsum(shares) - shares
    first = np.repeat(below[opinions.starts[:-1]], opinions.sizes)
    return below - first + shares / 2


def common_cells(opinions: Opinions, split: Split, tables: Mapping[str, np.ndarray]) -> np.ndarray:
    """Find the cells that are asked and that all tables predict, shape (tests, M).

    Raises
    ------
    DataError
        If a table has another shape, or no cell is left.
    """
    shape = (split.test.size, int(opinions.starts[-1]))
    mask = split.asked.copy()
    for name, table in tables.items():
        if table.shape != shape:
            raise DataError(f"the table {name} has the shape {table.shape} and needs {shape}")
        told = ~np.logical_and.reduceat(np.isnan(table), opinions.starts[:-1], axis=1)
        if not (told & split.asked).any():
            raise DataError(f"the table {name} predicts nothing that was asked")
        mask &= told
    if not mask.any():
        raise DataError(
            f"no cell is predicted by all of {', '.join(tables)}",
            fix="score tables apart that share no cells",
        )
    return mask


@dataclass(frozen=True)
class Scored:
    """Cells with what each table says of them.

    Attributes
    ----------
    cells
        What is scored.
    padded
        Table -> shape (C, widest), zeros beyond an item's options.
    refusals
        Table -> cells in which it said nothing.
    """

    cells: Cells
    padded: dict[str, np.ndarray]
    refusals: dict[str, int]


def scored(
    opinions: Opinions,
    split: Split,
    tables: Mapping[str, np.ndarray],
    mask: np.ndarray | None = None,
    refusals: Handling = "raise",
) -> Scored:
    """Look up what tables say of the answers that are scored.

    Parameters
    ----------
    opinions, split
        What was answered, and what of it was asked.
    tables
        Name -> shape (tests, K), nan where nothing was predicted.
    mask
        Shape (tests, M), what is scored; by default what is asked and predicted by all tables.
    refusals
        What is done where a table is nan in a cell of `mask`: `raise`, count it as `uniform`, or `leave out`
        the cell from all tables.

    Raises
    ------
    DataError
        If tables do not fit, a row is no distribution, or there are refusals and `refusals` is `raise`.
    """
    if refusals not in ("raise", "uniform", "leave out"):
        raise ValueError(f"refusals is {refusals!r} and must be 'raise', 'uniform' or 'leave out'")
    cells = cells_of(opinions, split, common_cells(opinions, split, tables) if mask is None else mask)
    if not len(cells):
        raise DataError("no cell is to be scored", fix="ask some answers, or pass a mask that holds some")
    padded = {name: _padded(opinions, cells, split.test.size, name, table) for name, table in tables.items()}
    empty = {name: refused(p, cells.sizes) for name, p in padded.items()}
    counts = {name: int(none.sum()) for name, none in empty.items()}
    if not any(counts.values()):
        return Scored(cells, padded, counts)
    if refusals == "raise":
        worst = max(counts, key=lambda name: counts[name])
        raise DataError(
            f"{worst} has no prediction for {counts[worst]} of {len(cells)} cells",
            fix="say what they count: `refusals='uniform'` or `refusals='leave out'`",
        )
    if refusals == "uniform":
        flat = (np.arange(int(cells.sizes.max())) < cells.sizes[:, None]) / cells.sizes[:, None]
        width = next(iter(padded.values())).shape[1]
        flat = np.pad(flat, ((0, 0), (0, width - flat.shape[1])))
        return Scored(cells, {n: np.where(empty[n][:, None], flat, p) for n, p in padded.items()}, counts)
    none = np.logical_or.reduce(list(empty.values()))
    left = Cells(*(getattr(cells, part.name)[~none] for part in fields(Cells)))
    if not len(left):
        raise DataError("every cell has a table that refused", fix="count refusals as uniform")
    return Scored(left, {name: p[~none] for name, p in padded.items()}, counts)


def _padded(opinions: Opinions, cells: Cells, tests: int, name: str, table: np.ndarray) -> np.ndarray:
    if table.shape != (tests, int(opinions.starts[-1])):
        needed = (tests, int(opinions.starts[-1]))
        raise DataError(f"the table {name} has the shape {table.shape} and needs {needed}")
    p = opinions.gather(cells.rows, cells.columns, table)
    inside = np.arange(p.shape[1]) < cells.sizes[:, None]
    partly = (np.isnan(p) & inside).any(axis=1) & ~(np.isnan(p) | ~inside).all(axis=1)
    wrong = partly | (np.where(inside, p, 0.0) < 0).any(axis=1) | (np.abs(p.sum(axis=1) - 1) > 1e-6)
    if wrong.any():
        cell = np.flatnonzero(wrong)[0]
        item = opinions.items[cells.columns[cell]].name
        raise DataError(
            f"the table {name} has no distribution there", row=int(cells.rows[cell]) + 1, column=item
        )
    return p
