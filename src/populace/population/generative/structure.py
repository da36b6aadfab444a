"""The shape of classification trees, and the way of a record from its root to its leaf."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import msgspec
import numpy as np

__all__ = ["NOMINAL", "Structure"]

NOMINAL = -1
"""Cut of a node that splits on a nominal feature, or on none."""


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
    def _sides(self) -> np.ndarray:
        """(nodes * 256,) 1 where a value of the node's feature goes right."""
        value = np.arange(256)
        by_mask = (self.mask[:, None] >> np.minimum(value, 63).astype(np.uint64)) & np.uint64(1)
        right = np.where(self.cut[:, None] == NOMINAL, by_mask, value > self.cut[:, None])
        return right.astype(np.uint8).reshape(-1)

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
        feature, child, sides = self.feature.astype(np.intp), self.child, self._sides
        node, rows, leaf = start.astype(np.intp), np.arange(width), np.empty(width, dtype=np.intp)
        while len(rows):
            split = feature[node]
            going = split >= 0
            if not going.all():
                ended = ~going
                leaf[rows[ended]] = node[ended]
                rows, node, split = rows[going], node[going], split[going]
            node = child[node] + sides[(node << 8) + flat[split * width + rows]]
        return leaf
