"""Votes on a plane, as Polis draws them: principal components of a table with holes.

A hole is filled with the mean vote on its statement, so it has no say in the components; after centring it is
exactly zero, and the table stays sparse. A person who voted little would then stay near the middle, so Polis
multiplies the place by sqrt(statements / votes cast). Both rules are those of `polismath.math.pca` of
compdemocracy/polis (`sparsity-aware-project-ptpt`) and of red-dwarf 0.4.0 (Small et al. 2021, *Polis: scaling
deliberation by mapping high dimensional opinion spaces*). Their price: who voted on few statements is placed
by few, and thrown far out by them.
"""

from __future__ import annotations

import importlib
from typing import Any

import msgspec
import numpy as np

from populace.errors import DataError
from populace.pluralism.bridging._table import sparse
from populace.stats._arrays import Floats, Ints, divide

__all__ = ["Plane", "VoteTable", "plane_of"]

_TIE = 1e-9


class Plane(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """The plane on which opinions differ most."""

    centre: Floats
    """Mean vote on each statement; 0 where nobody voted."""
    axes: Floats
    """Shape (2, statements), unit length; the largest entry of each is positive."""
    explained: Floats
    """Share of the variance of the filled table along each axis."""


class VoteTable:
    """A table of votes, kept sparse, that can be weighed and projected again and again."""

    def __init__(self, votes: Floats) -> None:
        self.seen = ~np.isnan(votes)
        self.votes: Any = sparse(votes, self.seen)
        self.marks: Any = self.votes.copy()
        self.marks.data = np.ones_like(self.marks.data)
        self.rows: Ints = np.nonzero(self.seen)[0].astype(np.int64)
        self.cast = self.seen.sum(axis=1)
        used = int((self.seen.any(axis=0)).sum())
        self.scale = np.sqrt(used / np.maximum(self.cast, 1))

    def plane(self, weights: Floats | None = None) -> Plane:
        """Find the plane of the people, weighed."""
        weigh = np.ones(self.votes.shape[0]) if weights is None else weights
        counts = self.marks.T @ weigh
        centre = np.nan_to_num(divide(self.votes.T @ weigh, counts))
        table = self.votes.copy()
        table.data = (table.data - centre[table.indices]) * np.sqrt(weigh)[self.rows]
        total = float((table.data**2).sum())
        if total <= _TIE:
            raise DataError("everybody votes alike on every statement: there is no plane of differences")
        lengths, axes = _two(table)
        return Plane(centre=centre, axes=axes, explained=lengths**2 / total)

    def places(self, plane: Plane) -> Floats:
        """Place everybody on a plane, shape (people, 2); nan for who cast no vote."""
        found = np.asarray(self.votes @ plane.axes.T - self.marks @ (plane.centre * plane.axes).T)
        found *= self.scale[:, None]
        found[self.cast == 0] = np.nan
        return found


def plane_of(votes: Floats) -> tuple[Plane, Floats]:
    """Find the plane of a table of votes, shape (people, statements), and everybody's place on it.

    Examples
    --------
    >>> plane, places = plane_of(np.array([[1.0, -1, np.nan], [1, -1, 1], [-1, 1, -1], [-1, 1, 1]]))
    >>> bool(np.sign(places[0, 0]) == np.sign(places[1, 0]) != np.sign(places[2, 0]))
    True
    """
    table = VoteTable(votes)
    plane = table.plane()
    return plane, table.places(plane)


def _two(table: Any) -> tuple[Floats, Floats]:
    """Return the two largest singular values of a sparse table, and their right vectors, signed."""
    short = min(table.shape)
    if short <= 3:
        _, values, right = np.linalg.svd(table.toarray(), full_matrices=False)
        values, right = values[:2], right[:2]
    else:
        linalg: Any = importlib.import_module("scipy.sparse.linalg")
        # A start of our own: the default one is drawn.
        start = np.cos(np.arange(float(short)))
        _, values, right = linalg.svds(table, k=2, v0=start, return_singular_vectors="vh")
        order = np.argsort(-values)
        values, right = values[order], right[order]
    if len(values) < 2:
        values = np.pad(values, (0, 2 - len(values)))
        right = np.pad(right, ((0, 2 - len(right)), (0, 0)))
    return np.asarray(values, dtype=np.float64), _signed(np.asarray(right, dtype=np.float64))


def _signed(axes: Floats) -> Floats:
    """Turn each axis so that its largest entry is positive; the first of equally large ones decides."""
    size = np.abs(axes)
    first = (size >= size.max(axis=1, keepdims=True) - _TIE).argmax(axis=1)
    signs = np.sign(axes[np.arange(len(axes)), first])
    return axes * np.where(signs == 0, 1.0, signs)[:, None]
