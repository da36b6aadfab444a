"""Gower's distance between people and donors, exact enough that ties are ties on every machine.

Gower (1971), Biometrics 27, doi:10.2307/2528823: the mean over the variables that both sides know of
0 or 1 (same or not) or, for ordered values, of the steps between them over the steps there are.
"""

from __future__ import annotations

import msgspec
import numpy as np
import polars as pl

from populace.personas.evidence import EVIDENCE
from populace.personas.schema import attribute

__all__ = ["Coordinates", "coordinates", "distances"]

_ORDERED = ("age_group", "degree", "schooling")
_READINGS = 5
"""Most values a reading has; all that are ordered have as many."""
_UNIT = 60
"""A variable of weight 1 counts sixty, so that steps and halves cost whole numbers."""


class Coordinates(msgspec.Struct, frozen=True):
    """Gower's distance as inner products of indicators: exact in float32, being small whole numbers."""

    flags: np.ndarray
    """(rows, flags) one where the flag is up; all zero where the value is missing."""
    others: np.ndarray
    """(rows, flags) one where the flag is down; all zero where the value is missing."""
    price: np.ndarray
    """(flags,) what a difference costs."""
    known: np.ndarray
    """(rows, variables) whether the value is known."""
    most: np.ndarray
    """(variables,) the largest cost of each."""


def coordinates(rows: pl.DataFrame, weights: dict[str, float]) -> Coordinates:
    """Ordered values are steps climbed; other values have a flag each, and two of them differ twice."""
    flags, price, known, most = [np.zeros((rows.height, 0), bool)], [np.zeros(0)], [], []
    for name, weight in weights.items():
        codes = rows[name].fill_null(-1).to_numpy()
        size = len(attribute(name).values) if name not in EVIDENCE else _READINGS
        if name in _ORDERED or (name not in EVIDENCE and attribute(name).ordered):
            up, each, differences = codes[:, None] > np.arange(size - 1), weight / (size - 1), size - 1
        else:
            up, each, differences = codes[:, None] == np.arange(size), weight / 2, 2
        each = max(1, round(_UNIT * each))
        flags.append(up)
        price.append(np.full(up.shape[1], each))
        known.append(np.broadcast_to((codes >= 0)[:, None], up.shape))
        most.append(each * differences)
    up, seen = np.hstack(flags), np.hstack([flags[0], *known])
    first = np.cumsum([0, *(each.shape[1] for each in known)])[:-1]
    return Coordinates(
        (up & seen).astype(np.float32),
        (~up & seen).astype(np.float32),
        np.concatenate(price).astype(np.float32),
        seen[:, first].astype(np.float32),
        np.array(most, dtype=np.float32),
    )


def distances(ours: Coordinates, theirs: Coordinates, rows: np.ndarray, donors: np.ndarray) -> np.ndarray:
    """Gower's distance, shape (rows, donors); infinite where no variable is known on both sides."""
    flags, others = ours.flags[rows] * ours.price, ours.others[rows] * ours.price
    apart = flags @ theirs.others[donors].T + others @ theirs.flags[donors].T
    most = (ours.known[rows] * ours.most) @ theirs.known[donors].T
    return np.divide(apart, most, out=np.full_like(apart, np.inf), where=most > 0)
