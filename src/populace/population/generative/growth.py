"""Grow a classification tree: which earlier answers tell a variable's distribution apart.

A node of the tree splits on one feature into two sets of its values, chosen to raise the weighted
log-likelihood most (Breiman et al., 1984, Classification and Regression Trees; Reiter, 2005, Journal of
Official Statistics 21, 441-462, for drawing synthetic people from such trees). The values of an ordered
feature stay in order; those of a nominal one are ordered by the first principal component of their
conditional distributions, along which the best two sets lie close to contiguous (Coppersmith, Hong and
Hosking, 1999, Data Mining and Knowledge Discovery 3, 197-217). All nodes of a depth are searched at once.

Position 0 of a variable is null. What decides whether a question applies (nobody under 16 has an employment
status) is split on before anything else: a split that leaves one side without a null, or with nothing else,
where chance would hardly do so. So is a cut beyond which everybody answers the same (nobody under 15 is
married).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from populace.population.generative.structure import NOMINAL, Structure

__all__ = ["MOST_NOMINAL", "MOST_ORDERED", "Feature", "grow"]

MOST_NOMINAL = 64
"""Most positions of a nominal feature: a split is a mask of as many bits."""
MOST_ORDERED = 256
"""Most positions of an ordered feature."""
_MOST_CELLS = 4_000_000
_DEEPEST = 24
_POWER_STEPS = 4
# A side without nulls (or with nothing else) is no chance if it had a probability below e^-20 in its node.
_EVIDENCE = 20.0
# A side on which everybody gives the same answer is split off first if it has such a part of the records, and
# the answer is one of a short list.
_GOOD_PART, _SHORT = 0.05, 12


class Feature(msgspec.Struct, frozen=True):
    """A variable that a tree may split on."""

    codes: np.ndarray
    """(records,) uint8 positions."""
    size: int
    """Number of positions."""
    ordered: bool


def grow(
    features: Sequence[Feature],
    target: np.ndarray,
    size: int,
    weight: np.ndarray,
    *,
    start: np.ndarray | None = None,
    roots: int = 1,
    min_records: int = 60,
    penalty: float = 1.0,
) -> Structure:
    """Grow trees for one variable.

    Parameters
    ----------
    features
        What may be split on.
    target
        (records,) positions of the variable.
    size
        Number of positions of the variable.
    weight
        (records,) weights; they are brought to a mean of 1.
    start
        (records,) root of each record, where there are several.
    roots
        Number of roots.
    min_records
        Fewest records of a node.
    penalty
        A split must raise the log-likelihood by this times the parameters it adds (1: Akaike).

    Examples
    --------
    >>> rain, winter = np.array([1, 1, 1, 1, 0, 0, 0, 0]), np.array([1, 1, 1, 1, 0, 0, 0, 0], dtype=np.uint8)
    >>> tree = grow([Feature(winter, 2, False)], rain, 2, np.ones(8), min_records=2)
    >>> leaf = tree.leaves([winter], np.zeros(8, dtype=int))
    >>> tree.feature.tolist(), sorted(np.bincount(leaf).tolist())
    ([0, -1, -1], [0, 4, 4])
    """
    weight = weight / weight.mean() if len(weight) else weight
    rows = np.arange(len(target))
    node = np.zeros(len(target), dtype=np.int64) if start is None else start.astype(np.int64)
    levels: list[_Level] = []
    nodes = roots
    for depth in range(_DEEPEST):
        level = _Level(node, nodes, target[rows], size, weight[rows], min_records)
        levels.append(level)
        if depth == _DEEPEST - 1:
            break
        for number, feature in enumerate(features):
            level.try_feature(number, feature, feature.codes[rows])
        split = level.close(penalty)
        if not split.any():
            break
        going = split[node]
        rows, node = rows[going], node[going]
        node = (np.cumsum(split) - 1)[node] * 2 + _sides(level, features, rows, node)
        nodes = 2 * int(split.sum())
    return Structure(
        np.concatenate([level.feature for level in levels]).astype(np.int16),
        np.concatenate([level.cut for level in levels]).astype(np.int16),
        np.concatenate([level.mask for level in levels]),
        roots,
    )


def _sides(level: _Level, features: Sequence[Feature], rows: np.ndarray, node: np.ndarray) -> np.ndarray:
    """Tell for every record whether it goes right (1) at its node's split."""
    right = np.empty(len(rows), dtype=np.int64)
    chosen = level.feature[node]
    for number in np.flatnonzero(np.bincount(chosen)).tolist():
        here = chosen == number
        value, at = features[number].codes[rows[here]], node[here]
        if features[number].ordered:
            right[here] = value > level.cut[at]
        else:
            right[here] = (level.mask[at] >> value.astype(np.uint64)) & np.uint64(1)
    return right


class _Level:
    """All nodes of one depth, and the best split found so far of each."""

    def __init__(
        self, node: np.ndarray, nodes: int, target: np.ndarray, size: int, weight: np.ndarray, least: int
    ) -> None:
        self.node, self.nodes, self.target, self.size, self.weight = node, nodes, target, size, weight
        self.least = least
        counts = np.bincount(node * size + target, weights=weight, minlength=nodes * size)
        self.totals = counts.reshape(nodes, size)
        self.shares = _divide(self.totals, self.totals.sum(axis=1, keepdims=True))
        self.present = (self.totals > 0).sum(axis=1)
        self.records = np.bincount(node, minlength=nodes)
        self.empty = np.bincount(node, weights=target == 0, minlength=nodes)
        self.evidence = np.full(nodes, _EVIDENCE)
        self.gain = np.full(nodes, -np.inf)
        self.feature = np.full(nodes, -1)
        self.cut = np.full(nodes, NOMINAL)
        self.mask = np.zeros(nodes, dtype=np.uint64)

    def close(self, penalty: float) -> np.ndarray:
        """Keep the splits that pay for their parameters, and tell which nodes have one."""
        split = self.gain > penalty * np.maximum(self.present - 1, 1)
        self.feature[~split], self.cut[~split], self.mask[~split] = -1, NOMINAL, 0
        return split

    def try_feature(self, number: int, feature: Feature, codes: np.ndarray) -> None:
        """Search the best split on one feature, in portions of nodes that fit into memory."""
        width = feature.size * self.size
        key = self.node * feature.size + codes
        weights = np.bincount(key * self.size + self.target, self.weight, self.nodes * width)
        records = np.bincount(key, minlength=self.nodes * feature.size).reshape(self.nodes, -1)
        table = weights.reshape(self.nodes, feature.size, self.size)
        if ((self.empty > 0) & (self.empty < self.records)).any():
            empty = np.bincount(key, weights=self.target == 0, minlength=self.nodes * feature.size)
            self._settle(number, feature.ordered, records, empty.reshape(self.nodes, -1))
        step = max(1, _MOST_CELLS // width)
        for first in range(0, self.nodes, step):
            portion = slice(first, min(first + step, self.nodes))
            self._search(number, feature.ordered, portion, table[portion], records[portion])

    def _settle(self, number: int, ordered: bool, records: np.ndarray, empty: np.ndarray) -> None:
        """Split where one side has no null, or nothing else, and that is no chance."""
        each = np.arange(self.nodes)
        order = np.broadcast_to(np.arange(records.shape[1]), records.shape)
        if not ordered:
            # Values that have no null come first, those that have nothing else last, the unseen in between.
            share = _divide(empty, records)
            share[records == 0] = 0.5
            order = np.argsort(share, axis=1, kind="stable")
        left, nulls = (np.take_along_axis(t, order, axis=1).cumsum(axis=1) for t in (records, empty))
        rate = _divide(self.empty, self.records)[:, None]
        surprise = {True: -np.log(np.maximum(rate, 1e-12)), False: -np.log(np.maximum(1 - rate, 1e-12))}
        best = np.zeros(left.shape)
        for count, null in ((left, nulls), (left[:, -1:] - left, nulls[:, -1:] - nulls)):
            for all_null, pure in ((False, null == 0), (True, null == count)):
                best = np.maximum(best, np.where(pure, count * surprise[all_null], 0.0))
        best[(left == 0) | (left == left[:, -1:])] = 0.0
        cut = best.argmax(axis=1)
        at = np.flatnonzero(best[each, cut] > self.evidence)
        self.evidence[at], self.gain[at], self.feature[at] = best[at, cut[at]], np.inf, number
        if ordered:
            self.cut[at], self.mask[at] = cut[at], 0
        else:
            heavier = self.records > 2 * left[each, cut]
            self.cut[at] = NOMINAL
            self.mask[at] = _masks(order[at], records[at], cut[at], heavier[at])

    def _settle_value(self, number: int, portion: slice, left: np.ndarray, count: np.ndarray) -> None:
        """Split where a good part on one side of a cut has one and the same answer, and that is no chance."""
        shares, totals, all_ = self.shares[portion], self.totals[portion], count[:, -1]
        surprise = -np.log(np.maximum(shares, 1e-12))
        best = np.zeros(left.shape[:2])
        for side, records in (
            (left, count[:, :-1]),
            (totals[:, None, :] - left, all_[:, None] - count[:, :-1]),
        ):
            value = side.argmax(axis=2)
            pure = np.take_along_axis(side, value[..., None], axis=2)[..., 0] > (1 - 1e-9) * side.sum(axis=2)
            evidence = records * np.take_along_axis(surprise, value, axis=1)
            enough = (records >= self.least) & (records >= _GOOD_PART * all_[:, None])
            best = np.maximum(best, np.where(pure & enough & (records < all_[:, None]), evidence, 0.0))
        cut = best.argmax(axis=1)
        found = best[np.arange(len(best)), cut]
        better = np.flatnonzero(found > self.evidence[portion])
        at = better + portion.start
        self.evidence[at], self.gain[at], self.feature[at] = found[better], np.inf, number
        self.cut[at], self.mask[at] = cut[better], 0

    def _search(
        self, number: int, ordered: bool, portion: slice, table: np.ndarray, records: np.ndarray
    ) -> None:
        """Try all cuts of one feature at a portion of the nodes."""
        if table.shape[1] < 2:
            return
        shares, totals, each = self.shares[portion], self.totals[portion], np.arange(len(table))
        order = np.broadcast_to(np.arange(table.shape[1]), records.shape)
        if not ordered:
            order = np.argsort(_component(table, records, shares), axis=1, kind="stable")
            table = np.take_along_axis(table, order[..., None], axis=1)
        left = table.cumsum(axis=1)[:, :-1]
        count = np.take_along_axis(records, order, axis=1).cumsum(axis=1)
        mass_left = left.sum(axis=2)
        mass_right = totals.sum(axis=1)[:, None] - mass_left
        # Pearson's statistic ranks the cuts of one feature much as the likelihood does, without logarithms.
        off = left - mass_left[..., None] * shares[:, None, :]
        score = np.einsum("nbv,nv->nb", off * off, _divide(1.0, shares))
        score *= _divide(1.0, mass_left) + _divide(1.0, mass_right)
        score[(count[:, :-1] < self.least) | (count[:, -1:] - count[:, :-1] < self.least)] = -np.inf
        if ordered and self.size <= _SHORT:
            self._settle_value(number, portion, left, count)
        cut = score.argmax(axis=1)
        chosen = left[each, cut]
        gain = _fit(chosen) + _fit(totals - chosen) - _fit(totals)
        gain[~np.isfinite(score[each, cut])] = -np.inf
        better = np.flatnonzero(gain > self.gain[portion])
        at = better + portion.start
        self.gain[at], self.feature[at] = gain[better], number
        if ordered:
            self.cut[at], self.mask[at] = cut[better], 0
        else:
            heavier = (mass_right > mass_left)[each, cut]
            self.cut[at] = NOMINAL
            self.mask[at] = _masks(order[better], records[better], cut[better], heavier[better])


def _component(table: np.ndarray, records: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Place the values of a nominal feature on the first principal component of their distributions."""
    mass = table.sum(axis=2)
    off = (_divide(table, mass[..., None]) - shares[:, None, :]) * _divide(1.0, np.sqrt(shares))[:, None, :]
    # Any start serves that is not orthogonal to the component; this one breaks ties between values.
    axis = np.einsum("nbv,nb->nv", off * np.abs(off), mass) + 1e-6 * np.arange(1, table.shape[2] + 1)
    for _ in range(_POWER_STEPS):
        axis = np.einsum("nbv,nb->nv", off, np.einsum("nbv,nv->nb", off, axis) * mass)
        axis /= np.linalg.norm(axis, axis=1, keepdims=True) + 1e-300
    place = np.einsum("nbv,nv->nb", off, axis)
    return np.where(records > 0, place, np.inf)


def _masks(order: np.ndarray, records: np.ndarray, cut: np.ndarray, heavier: np.ndarray) -> np.ndarray:
    """Say which positions go right; one that the node has not seen goes to the heavier side."""
    right = np.argsort(order, axis=1) > cut[:, None]
    right = np.where(records > 0, right, heavier[:, None])
    bits = np.arange(records.shape[1], dtype=np.uint64)
    return (right.astype(np.uint64) << bits).sum(axis=1, dtype=np.uint64)


def _fit(table: np.ndarray) -> np.ndarray:
    """Log-likelihood of rows of counts under their own shares."""
    total = table.sum(axis=1)
    return _x_log_x(table).sum(axis=1) - _x_log_x(total)


def _x_log_x(value: np.ndarray) -> np.ndarray:
    # Differences of sums leave slivers below zero.
    return value * np.log(np.where(value > 1e-9, value, 1.0))


def _divide(above: np.ndarray | float, below: np.ndarray) -> np.ndarray:
    """Divide, with 0 where there is nothing to divide by."""
    return np.divide(above, below, out=np.zeros(np.broadcast(above, below).shape), where=below > 1e-12)
