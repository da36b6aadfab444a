"""Distributions of unequal numbers of options as one array, padded with nan; and put into another order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from populace.errors import DataError
from populace.stats._arrays import Floats

__all__ = ["Distributions", "ordered", "padded", "refuse", "wide"]

Distributions: TypeAlias = npt.ArrayLike | Sequence[npt.ArrayLike]
"""Shape (questions, options) or (questions, groups, options), nan beyond a question's options; or a list of
one array a question, shape (options,) or (groups, options)."""


def padded(name: str, given: Distributions) -> tuple[Floats, bool]:
    """Read distributions as (Q, G, K) with nan beyond the options, and whether there were groups."""
    try:
        if isinstance(given, Sequence) and not isinstance(given, str):
            rows = [np.asarray(each, dtype=np.float64) for each in cast(Sequence[Any], given)]
        else:
            rows = list(np.asarray(given, dtype=np.float64))
    except (TypeError, ValueError) as error:
        raise DataError(f"`{name}` holds something that is no number ({error})") from error
    kinds = {row.ndim for row in rows}
    if not kinds <= {1} and not kinds <= {2}:
        raise DataError(f"`{name}` must have the shape (questions, options) or (questions, groups, options)")
    grouped = kinds == {2}
    tables = [row if grouped else row[None] for row in rows]
    if len({len(table) for table in tables}) > 1:
        raise DataError(
            f"questions of `{name}` differ in groups", fix="give a row of nan where none was asked"
        )
    groups = len(tables[0]) if tables else 1
    width = max((table.shape[1] for table in tables), default=0)
    found = np.full((len(tables), groups, width), np.nan)
    for place, table in enumerate(tables):
        found[place, :, : table.shape[1]] = table
    bad = np.isinf(found) | (found < 0)
    refuse(bad.any(axis=(1, 2)), f"`{name}` holds a mass below zero or without end", "give counts or shares")
    return found, grouped


def wide(values: Floats, groups: int, width: int) -> Floats:
    """Repeat one group for all, and pad with nan to a width."""
    found = np.full((len(values), groups, width), np.nan)
    found[..., : values.shape[2]] = values
    return found


def ordered(said: Floats, order: Distributions) -> Floats:
    """Put the model's options into the human order."""
    places, _ = padded("order", order)
    if len(places) != len(said):
        raise DataError(f"`order` has {len(places)} questions, the model {len(said)}")
    found = np.full_like(said, np.nan)
    for row, (to, values) in enumerate(zip(places[:, 0], said, strict=True)):
        there = np.flatnonzero(~np.isnan(to))
        if sorted(to[there].tolist()) != list(range(len(there))):
            raise DataError("`order` is no permutation of the options", row=row + 1, fix="number them from 0")
        if not np.isnan(values[:, len(there) :]).all():
            raise DataError("`order` places fewer options than the model has", row=row + 1)
        found[row][:, to[there].astype(np.int64)] = values[:, there]
    return found


def refuse(wrong: npt.ArrayLike, what: str, fix: str) -> None:
    """Refuse the first question that is wrong, by its row from 1."""
    places = np.flatnonzero(wrong)
    if places.size:
        raise DataError(what, row=int(places[0]) + 1, fix=fix)
