"""What jurors said: utilities by juror and option, checked once, with what the numbers mean.

A number means nothing without its scale, so a jury says which it has (`kind`):

- `cardinal`: differences are comparable between jurors; where `zero` is given, ratios above it are too;
- `graded`: jurors share ordered grades (a verbal scale): levels are comparable, differences are not;
- `ordinal`: only the order of a juror's own numbers counts, more is better;
- `approval`: 1 or 0, approved or not.

NaN is *not rated*. It is never read as a low rating.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from populace.errors import DataError
from populace.stats._arrays import Bools, Floats

__all__ = ["Ballots", "Kind", "ballots_of"]

Kind: TypeAlias = Literal["cardinal", "graded", "ordinal", "approval"]


@dataclass(frozen=True)
class Ballots:
    """Checked ballots; made by `ballots_of`."""

    utilities: Floats
    """Shape (jurors, options), NaN = not rated."""
    options: tuple[str, ...]
    weights: Floats
    """Shape (jurors,), not below zero, their sum above."""
    kind: Kind
    zero: float | None
    """Utility below which an option is worse than none; what Nash and p-means measure from."""
    scale: tuple[float, float] | None
    """Least and greatest rating that a juror may give."""

    @cached_property
    def rated(self) -> Bools:
        """Which ratings there are, shape (jurors, options)."""
        return ~np.isnan(self.utilities)

    @cached_property
    def complete(self) -> bool:
        """Whether every juror rated every option."""
        return bool(self.rated.all())

    @cached_property
    def compared(self) -> Bools:
        """Which options somebody of weight rated beside another one, shape (options,)."""
        several = (self.rated.sum(axis=1) > 1) & (self.weights > 0)
        return np.asarray(self.rated[several].any(axis=0), dtype=np.bool_)

    @cached_property
    def equal(self) -> bool:
        """Whether all jurors weigh the same."""
        return bool((self.weights == self.weights[0]).all())

    @property
    def missing(self) -> str:
        """Say how many ratings are missing."""
        lost = int((~self.rated).sum())
        if not lost:
            return "none missing"
        return f"{lost:,} of {self.rated.size:,} ratings missing"

    def bounds(self) -> tuple[float, float]:
        """Give the least and greatest rating: of the scale, or 0 and 1 of approvals.

        Raises
        ------
        DataError
            If the jury has no scale.
        """
        if self.kind == "approval":
            return 0.0, 1.0
        if self.scale is None:
            fix = "pass scale=(least, greatest) to Jury"
            raise DataError("what a juror could have rated is not known: the jury has no scale", fix=fix)
        return self.scale


def ballots_of(
    utilities: npt.ArrayLike,
    options: Sequence[str] | None,
    weights: npt.ArrayLike | None,
    kind: str,
    zero: float | None,
    scale: tuple[float, float] | None,
) -> Ballots:
    """Check ballots.

    Raises
    ------
    DataError
        If shapes differ, a number is infinite, negative (weights), off the scale, or no approval; if an
        option is named twice; if a juror has no rating at all, or an option none of anybody of weight.
    """
    table = _table(utilities)
    jurors, count = table.shape
    names = tuple(map(str, options)) if options is not None else tuple(map(str, range(count)))
    if len(names) != count:
        fix = "name each column once"
        raise DataError(f"there are {len(names)} names for {count} options", fix=fix)
    if len(set(names)) != count:
        twice = next(name for place, name in enumerate(names) if name in names[:place])
        raise DataError(f"the option {twice!r} is named twice")
    if kind not in get_args(Kind):
        raise DataError(f"{kind!r} is no kind of ballot", fix=f"use one of {', '.join(get_args(Kind))}")
    if kind == "ordinal" and (zero is not None or scale is not None):
        raise DataError("rankings have neither a zero point nor a scale", fix="leave out `zero` and `scale`")
    _check_values(table, names, kind, scale)
    given = np.ones(jurors) if weights is None else np.asarray(weights, dtype=np.float64)
    if given.shape != (jurors,):
        raise DataError(f"`weights` has the shape {given.shape} and needs ({jurors},)", fix="one per juror")
    if not np.isfinite(given).all() or (given < 0).any() or not given.sum() > 0:
        raise DataError("weights must be finite, not below zero, and not all zero")
    unrated = np.isnan(table[given > 0]).all(axis=0)
    if unrated.any():
        told = "nobody rated this option" if (given > 0).all() else "nobody of weight rated this option"
        raise DataError(told, column=names[int(np.argmax(unrated))], fix="leave the column out")
    if zero is not None and not np.isfinite(zero):
        raise DataError("the zero point must be a finite number")
    table.setflags(write=False)
    return Ballots(table, names, given, kind, None if zero is None else float(zero), scale)  # type: ignore[arg-type]


def _table(utilities: npt.ArrayLike) -> Floats:
    try:
        table: Floats = np.array(utilities, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"utilities are no table of numbers ({error})") from error
    if table.ndim != 2 or not table.size:
        raise DataError(
            f"utilities have the shape {table.shape}", fix="give a table of jurors x options, not empty"
        )
    return table


def _check_values(table: Floats, names: Sequence[str], kind: str, scale: tuple[float, float] | None) -> None:
    def refuse(found: Bools, what: str, fix: str) -> None:
        if found.any():
            row, column = (int(each[0]) for each in np.nonzero(found))
            told = f"{table[row, column]:g} {what}"
            raise DataError(told, row=row + 1, column=names[column], fix=fix)

    refuse(np.isinf(table), "is no rating", "give finite numbers, and NaN for what was not rated")
    if kind == "approval":
        off = ~np.isnan(table) & (table != 0) & (table != 1)
        refuse(off, "is no approval", "give 1 or 0, or another `kind`")
    if scale is not None:
        if not scale[0] < scale[1]:
            raise DataError(f"the scale {scale} has no width", fix="give (least, greatest)")
        low, high = scale
        refuse(
            (table < low) | (table > high), f"is off the scale {low:g} to {high:g}", "mend it, or the scale"
        )
    silent = np.isnan(table).all(axis=1)
    if silent.any():
        raise DataError("this juror rated nothing", row=int(np.argmax(silent)) + 1, fix="leave the row out")
