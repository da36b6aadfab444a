"""Ranges of traits: what a weight means.

A portfolio weighs rewards on one scale, from 0 to 1. How a trait comes to that scale decides what half of the
weight on it is worth, so that the range is part of the problem and is stored with every result. A range may
be the trait's own (its definition), stated by the user, or the least and greatest score of the pool: the last
changes when the pool does, and is warned of.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

from populace.errors import DataError

__all__ = ["Range", "Scale", "scale_of"]


class Range(msgspec.Struct, frozen=True, kw_only=True):
    """How a trait comes to the scale from 0 to 1."""

    trait: str
    low: float
    high: float
    source: Literal["definition", "stated", "pool"]
    less: bool = False
    """Whether less of it is better: the least score is 1."""
    larger: str = ""
    """What a larger score means, where it is known."""

    def __str__(self) -> str:
        turned = ", less is better" if self.less else ""
        origin = {
            "definition": "by definition",
            "stated": "as stated",
            "pool": "least and greatest given",
        }
        return f"{self.trait}: {self.low:g} to {self.high:g} ({origin[self.source]}{turned})"


class Scale(msgspec.Struct, frozen=True):
    """The ranges of all traits, in the order of the weights.

    Examples
    --------
    >>> scale = Scale((Range(trait="wit", low=0, high=10, source="stated"),
    ...     Range(trait="length", low=0, high=2000, source="stated", less=True)))
    >>> scale.apply([[5, 500]]).tolist()
    [[0.5, 0.75]]
    """

    ranges: tuple[Range, ...]

    @property
    def traits(self) -> tuple[str, ...]:
        """Names, in the order of the weights."""
        return tuple(each.trait for each in self.ranges)

    def apply(self, scores: npt.ArrayLike, *, clip: bool = False) -> np.ndarray:
        """Bring scores, shape (..., traits), to the scale; missing ones stay NaN.

        Parameters
        ----------
        clip
            Take a score beyond its range for the end of it.

        Raises
        ------
        DataError
            If a score is beyond its range, and is not clipped.
        """
        found = np.array(scores, dtype=np.float64)
        if found.ndim < 1 or found.shape[-1] != len(self.ranges):
            raise DataError(f"scores have the shape {found.shape} and the scale {len(self.ranges)} traits")
        flat = found.reshape(-1, len(self.ranges))
        for place, each in enumerate(self.ranges):
            width = each.high - each.low
            column = (flat[:, place] - each.low) / width
            beyond = (column < -1e-9) | (column > 1 + 1e-9)
            if beyond.any() and not clip:
                row = int(np.flatnonzero(beyond)[0])
                what = f"the score {flat[row, place]:g} is beyond {each.low:g} to {each.high:g}"
                fix = "state a range that holds all scores"
                raise DataError(what, row=row + 1, column=each.trait, fix=fix)
            column = np.clip(column, 0.0, 1.0)
            flat[:, place] = 1 - column if each.less else column
        return flat.reshape(found.shape)

    @property
    def of_pool(self) -> tuple[str, ...]:
        """Traits whose range is the least and greatest score of the pool."""
        return tuple(each.trait for each in self.ranges if each.source == "pool")

    def warnings(self) -> list[str]:
        """Say of ranges that hold for one pool only."""
        if not self.of_pool:
            return []
        return [
            f"the range of {', '.join(self.of_pool)} is the least and greatest of all scores given, held out "
            "or not: a weight means something else with other scores; state a range"
        ]


def scale_of(
    traits: Sequence[str],
    scores: npt.ArrayLike,
    *,
    known: Iterable[Range] = (),
    stated: Mapping[str, tuple[float, float]] | None = None,
    less: Iterable[str] = (),
) -> Scale:
    """Settle the range of every trait: what is stated, else what is known, else the pool's own.

    Parameters
    ----------
    traits
        Names, in the order of the weights.
    scores
        Shape (..., traits), as they were scored.
    known
        Ranges by definition, such as those of the scorers that were used.
    stated
        Trait to its least and greatest score.
    less
        Traits of which less is better.

    Raises
    ------
    DataError
        If a trait is not scored at all, has one score throughout, or a range is named for no trait.
    """
    table = np.asarray(scores, dtype=np.float64).reshape(-1, len(traits))
    own, given, turned = {each.trait: each for each in known}, dict(stated or {}), set(less)
    for name in (*given, *turned):
        if name not in traits:
            raise DataError(f"there is no trait {name!r}", fix=f"use one of {', '.join(traits)}")
    if len(set(traits)) < len(traits):
        raise DataError("a trait is named twice")
    ranges = []
    for place, name in enumerate(traits):
        column = table[~np.isnan(table[:, place]), place]
        if not len(column):
            raise DataError("nothing has a score of this trait", column=name, fix="leave the trait out")
        if column.min() == column.max():
            what = f"every score is {column[0]:g}, so its weight chooses nothing"
            raise DataError(what, column=name, fix="leave the trait out")
        ranges.append(_range(name, column, own.get(name), given.get(name), turned))
    return Scale(tuple(ranges))


def _range(
    name: str, column: np.ndarray, own: Range | None, given: tuple[float, float] | None, turned: set[str]
) -> Range:
    flipped = name in turned
    if given is not None:
        low, high = (float(end) for end in given)
        if not (np.isfinite([low, high]).all() and low < high):
            raise DataError(
                f"{low:g} to {high:g} is no range", column=name, fix="give the least, then the most"
            )
        larger = own.larger if own else ""
        return Range(trait=name, low=low, high=high, source="stated", less=flipped, larger=larger)
    if own is not None and np.isfinite([own.low, own.high]).all():
        return msgspec.structs.replace(own, less=own.less != flipped)
    low, high = float(column.min()), float(column.max())
    return Range(trait=name, low=low, high=high, source="pool", less=flipped)
