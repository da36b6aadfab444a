"""Groups of an attribute beside a target: shares with intervals, and which of them are not shown.

Everybody of whom the attribute is known is in one cell: a group of the target, or "other words". A cell of
few people is hidden, and with it the next smallest, until those hidden are together not few: their sum
follows from the cells that are shown. Of how many it is not known is told exactly: they are in no cell.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np
import polars as pl

from populace.stats import Estimate
from populace.stats.crossed import crossed_mean

__all__ = ["FEW", "Cell", "cells_of"]

FEW = 10
"""People below whom a cell is not shown."""


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """One group of one attribute."""

    attribute: str
    label: str
    target: float
    """Its share of the target population."""
    people: int | None
    """How many took part; None where they are too few to be shown."""
    observed: Estimate | None
    verdict: str
    """`under`, `over` or `as` represented, as far as the interval says; `unclear`; or `not shown`."""


def cells_of(
    name: str, values: pl.Series, shares: Mapping[str, float], few: int, level: float
) -> tuple[list[Cell], float | None]:
    """Count groups, and give with them their total variation distance; None where a group is not shown.

    Parameters
    ----------
    values
        What is known, a word a person.
    shares
        Group -> its share of the target, adding up to 1.
    """
    counts: dict[str | None, int] = {label: int((values == label).sum()) for label in shares}
    counts[None] = len(values) - sum(counts.values())
    hidden = _hidden(counts, few)
    cells = []
    for label, share in shares.items():
        if label in hidden:
            cells.append(
                Cell(
                    attribute=name, label=label, target=share, people=None, observed=None, verdict="not shown"
                )
            )
            continue
        observed = crossed_mean((values == label).cast(pl.Float64), np.arange(len(values)), level=level)
        cells.append(
            Cell(
                attribute=name,
                label=label,
                target=share,
                people=counts[label],
                observed=observed,
                verdict=_verdict(observed, share),
            )
        )
    if hidden or not len(values):
        return cells, None
    apart = sum(abs(counts[label] / len(values) - share) for label, share in shares.items())
    return cells, (apart + counts[None] / len(values)) / 2


def _hidden(counts: Mapping[str | None, int], few: int) -> set[str | None]:
    """Choose cells to hide: all where everybody together is few (a zero would tell of the others)."""
    if 0 < sum(counts.values()) < few:
        return set(counts)
    hidden = {label for label, count in counts.items() if 0 < count < few}
    rest = sorted((label for label, count in counts.items() if count >= few), key=lambda label: counts[label])
    while hidden and rest and (len(hidden) == 1 or sum(counts[label] for label in hidden) < few):
        hidden.add(rest.pop(0))
    return hidden


def _verdict(observed: Estimate, share: float) -> str:
    if not observed.defined:
        return "unclear"
    if observed.high < share:
        return "under"
    if observed.low > share:
        return "over"
    # An interval that holds both the share and half or twice of it says nothing.
    return "as" if observed.low > share / 2 and observed.high < share * 2 else "unclear"
