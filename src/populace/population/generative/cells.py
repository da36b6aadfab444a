"""What the leaves of a tree hold: weighted counts of which none stands for too few records.

A record is counted at one node on its way from the root to its leaf: the deepest at which its value has
been seen in `min_records` records that no deeper node tells. What a node does not tell is its *remainder*:
the weight of its rare values. A remainder is spread like what the parent node holds for such values, which
is exact in total: for every value, what is drawn equals what was counted (Kneser and Ney, 1995, ICASSP,
doi:10.1109/ICASSP.1995.479394, without discounts), but that a question which applies to everybody at a node
is never drawn as null there, nor answered where it applies to nobody. A value seen in fewer than
`min_records` records altogether is never drawn.

A remainder, too, stands for `min_records` records. Leaves with a smaller one share it: each gets the same
part of its weight as all of them have together below the nearest node where they reach that number. Inner
nodes let their smallest told cells join, as in complementary cell suppression (Cox, 1980, JASA 75, 377-385).
"""

from __future__ import annotations

import msgspec
import numpy as np

from populace.population.generative.structure import Structure

__all__ = ["Cells", "complete", "tell"]

# Weights are kept to this many significant bits (0.05 %), which halves the stored file.
_BITS = 10


class Cells(msgspec.Struct, frozen=True):
    """Told counts of the nodes of one variable's trees, node after node."""

    node: np.ndarray
    """(cells,) ascending."""
    value: np.ndarray
    """(cells,) position of the value."""
    weight: np.ndarray
    """(cells,) weighted count."""
    remainder: np.ndarray
    """(nodes,) weight of the values that a node does not tell."""
    applies: np.ndarray
    """(nodes,) 1 where no record of a node is null (position 0), -1 where all are, else 0."""


def tell(
    structure: Structure, leaf: np.ndarray, target: np.ndarray, size: int, weight: np.ndarray, least: int
) -> Cells:
    """Count records at the deepest node that may tell them.

    Parameters
    ----------
    structure
        Of the trees.
    leaf
        (records,) leaf of each record.
    target
        (records,) position of its value.
    size
        Number of positions.
    weight
        (records,) weights.
    least
        Fewest records a told cell, or a remainder, may stand for.
    """
    nodes = len(structure.feature)
    key = leaf * size + target
    records = np.bincount(key, minlength=nodes * size).reshape(nodes, size)
    weights = np.bincount(key, weights=weight, minlength=nodes * size).reshape(nodes, size)
    total, leaves = weights.sum(axis=1), structure.feature < 0
    applies = _applies(structure, records)
    told, parent = np.zeros_like(weights), structure.parent
    for at in reversed(structure.depths):
        inner = ~leaves[at] & (parent[at] >= 0)
        keep = _kept(records[at], least, join=inner)
        told[at] = np.where(keep, weights[at], 0.0)
        weights[at], records[at] = np.where(keep, 0.0, weights[at]), np.where(keep, 0, records[at])
        below = at[parent[at] >= 0]
        np.add.at(weights, parent[below], weights[below])
        np.add.at(records, parent[below], records[below])
    remainder = weights.sum(axis=1)
    shared = _shared(structure, records.sum(axis=1), remainder, total, least)
    # A root has nowhere to hand its remainder to: what it does not tell is left out.
    remainder = np.where(parent < 0, 0.0, np.where(leaves, shared, remainder))
    node, value = np.nonzero(told)
    return Cells(node, value, _rounded(told[node, value]), _rounded(remainder), applies)


def _applies(structure: Structure, records: np.ndarray) -> np.ndarray:
    """Tell where a variable applies to everybody, or to nobody, from the records of the leaves."""
    counts = np.column_stack([records[:, 0], records[:, 1:].sum(axis=1)])
    for at in reversed(structure.depths[1:]):
        np.add.at(counts, structure.parent[at], counts[at])
    return (counts[:, 0] == 0).astype(np.int8) - (counts[:, 1] == 0).astype(np.int8)


def _shared(
    structure: Structure, records: np.ndarray, remainder: np.ndarray, total: np.ndarray, least: int
) -> np.ndarray:
    """Let leaves whose remainder stands for too few records share theirs."""
    parent, leaves = structure.parent, structure.feature < 0
    small = leaves & (records > 0) & (records < least)
    waiting = np.column_stack([records, remainder, total]) * small[:, None]
    share = np.full(len(parent), np.nan)
    for at in reversed(structure.depths):
        enough = waiting[at, 0] >= least
        share[at[enough]] = waiting[at[enough], 1] / waiting[at[enough], 2]
        waiting[at[enough]] = 0.0
        below = at[parent[at] >= 0]
        np.add.at(waiting, parent[below], waiting[below])
    for at in structure.depths[1:]:
        share[at] = np.where(np.isnan(share[at]), share[parent[at]], share[at])
    return np.where(small, np.nan_to_num(share) * total, remainder)


def _kept(records: np.ndarray, least: int, *, join: np.ndarray) -> np.ndarray:
    """Say which cells are told: the frequent ones, less those that join a remainder too small by itself."""
    frequent = records >= least
    rest = np.where(frequent, 0, records).sum(axis=1)
    # Frequent cells in order of size; before each, the rest and the smaller ones.
    order = np.argsort(np.where(frequent, records, 0), axis=1, kind="stable")
    sizes = np.take_along_axis(np.where(frequent, records, 0), order, axis=1)
    before = rest[:, None] + sizes.cumsum(axis=1) - sizes
    joins = np.zeros_like(frequent)
    np.put_along_axis(joins, order, before < least, axis=1)
    return frequent & ~(joins & ((rest > 0) & join)[:, None])


def _rounded(weight: np.ndarray) -> np.ndarray:
    mantissa, exponent = np.frexp(weight)
    return np.ldexp(np.round(mantissa * 2**_BITS) / 2**_BITS, exponent)


def complete(structure: Structure, cells: Cells, size: int) -> np.ndarray:
    """Complete every node's distribution with its share of what the nodes above hold.

    Returns
    -------
    numpy.ndarray
        Shape (nodes, values); rows sum to 1, or are 0 where nothing is told at all.
    """
    told = np.zeros((len(structure.feature), size))
    told[cells.node, cells.value] = cells.weight
    table, whole, parent = told.copy(), told, structure.parent
    for at in reversed(structure.depths[1:]):
        np.add.at(whole, parent[at], whole[at])
    for depth, at in enumerate(structure.depths):
        if depth:
            table[at] += cells.remainder[at, None] * table[parent[at]]
            # A question that applies to everybody here is answered, whatever the nodes above hold.
            table[at[cells.applies[at] > 0], 0] = 0.0
            table[at[cells.applies[at] < 0], 1:] = 0.0
            # A leaf of rare values only, under nodes that tell none of them.
            lost = at[(table[at].sum(axis=1) == 0) & (structure.feature[at] < 0)]
            table[lost] = whole[parent[lost]]
        total = table[at].sum(axis=1, keepdims=True)
        table[at] = np.divide(table[at], total, out=np.zeros_like(table[at]), where=total > 0)
    return table
