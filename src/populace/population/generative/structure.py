"""The shape of classification trees, and the way of a record from its root to its leaf."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import msgspec
import numpy as np

__all__ = ["NOMINAL", "Structure"]

NOMINAL = -1
"""Cut of a node that splits on a nominal feature, or on none."""

# A walk looks every so many levels who has arrived, and goes on with the others if they are few enough.
_STEPS, _FEW = 3, 0.8


class Structure(msgspec.Struct, frozen=True, dict=True):
    """Trees in breadth-first order: the roots, then the children of every inner node, two by two."""

    feature: np.ndarray
    """(nodes,) number of the feature a node splits on; -1 for a leaf."""
    cut: np.ndarray
    """(nodes,) for an ordered feature, the last position that goes to the left child; else `NOMINAL`."""
    mask: np.ndarray
    """(nodes,) uint64: for a nominal feature, bit v is set where position v goes to the right child."""
    roots: int

    @functools.cached_property
    def child(self) -> np.ndarray:
        """(nodes,) left child of every inner node, the right one follows; a leaf's entry means nothing."""
        inner = self.feature >= 0
        return self.roots + 2 * (np.cumsum(inner) - inner)

    @functools.cached_property
    def parent(self) -> np.ndarray:
        """(nodes,) parent of every node; -1 for roots."""
        return np.append(np.full(self.roots, -1), np.repeat(np.flatnonzero(self.feature >= 0), 2))

    @functools.cached_property
    def depths(self) -> list[np.ndarray]:
        """Nodes of every depth, from the roots down."""
        ends, levels = [0, self.roots], []
        while ends[-1] > ends[-2]:
            levels.append(np.arange(ends[-2], ends[-1]))
            ends.append(ends[-1] + 2 * int((self.feature[ends[-2] : ends[-1]] >= 0).sum()))
        return levels

    @functools.cached_property
    def _walk(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Lay out what a walk reads at every node, where a leaf leads to itself.

        Feature, node that position 0 leads to, and (nodes * 256,) 1 where a position leads to the next one.
        """
        leaf = self.feature < 0
        value = np.arange(256)
        by_mask = (self.mask[:, None] >> np.minimum(value, 63).astype(np.uint64)) & np.uint64(1)
        right = np.where(self.cut[:, None] == NOMINAL, by_mask, value > self.cut[:, None])
        right[leaf] = 0
        feature = np.where(leaf, 0, self.feature).astype(np.intp)
        left = np.where(leaf, np.arange(len(leaf)), self.child)
        return feature, left, right.astype(np.uint8).reshape(-1)

    def leaves(self, features: Sequence[np.ndarray] | np.ndarray, start: np.ndarray) -> np.ndarray:
        """Find the leaf of every record.

        Parameters
        ----------
        features
            (features, records) uint8 positions.
        start
            (records,) root of each record.
        """
        width = len(start)
        flat = np.asarray(features, dtype=np.uint8).reshape(-1)
        feature, left, right = self._walk
        offset = feature * width
        node, rows = start.astype(np.intp), np.arange(width)
        found = node.copy()
        for depth in range(1, len(self.depths)):
            place = offset.take(node)
            place += rows
            at = node << 8
            at += flat.take(place)
            node = left.take(node)
            node += right.take(at)
            if depth % _STEPS:
                continue
            # Now and then, those who have arrived leave the walk.
            found[rows] = node
            going = np.flatnonzero(self.feature.take(node) >= 0)
            if len(going) < _FEW * len(node):
                rows, node = rows.take(going), node.take(going)
        found[rows] = node
        return found
