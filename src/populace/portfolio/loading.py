"""What a file of a plan or a serving must be, beyond its form: people pass these files on."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from populace.errors import DataError
from populace.portfolio.scaling import Scale

__all__ = ["check_members", "check_scale"]

_PLAIN = re.compile(r"\w[\w .-]*")
"""A name that may be a folder's: no path leaves the folder that is written to."""


def check_members(
    members: Iterable[tuple[str, Sequence[Sequence[float]]]], traits: int, file: str | Path | None = None
) -> None:
    """Refuse members that cannot be served or written.

    Parameters
    ----------
    members
        Name, and the rows of numbers that must be one a trait, the weights first.

    Raises
    ------
    DataError
        If there is none, a name is no plain one or stands twice, or numbers are missing or not finite.

    Examples
    --------
    >>> check_members([("../a", [(0.5, 0.5)])], 2)
    Traceback (most recent call last):
    populace.errors.DataError: '../a' is no name of a member. To mend it: use letters, digits and dashes.
    """
    names: set[str] = set()
    for name, rows in members:
        if not _PLAIN.fullmatch(name):
            fix = "use letters, digits and dashes"
            raise DataError(f"{name!r} is no name of a member", file=file, fix=fix)
        if name in names:
            raise DataError(f"two members have the name {name!r}", file=file)
        names.add(name)
        if any(len(row) != traits for row in rows):
            raise DataError(f"{name} has weights or rewards of another number of traits", file=file)
        if not all(math.isfinite(number) for row in rows for number in row):
            raise DataError(f"{name} has a weight or reward that is no finite number", file=file)
        if min(rows[0]) < 0 or abs(sum(rows[0]) - 1) > 1e-6:
            raise DataError(f"the weights of {name} must be at least 0 and sum to 1", file=file)
    if not names:
        raise DataError("there is no member", file=file)


def check_scale(scale: Scale, file: str | Path | None = None) -> None:
    """Refuse ranges that give a weight no meaning.

    Raises
    ------
    DataError
        If a trait stands twice, or its range has no width.
    """
    if len(set(scale.traits)) < len(scale.traits):
        raise DataError("a trait stands twice", file=file)
    for each in scale.ranges:
        if not (math.isfinite(each.low) and math.isfinite(each.high) and each.low < each.high):
            raise DataError(
                f"{each.low:g} to {each.high:g} is no range",
                file=file,
                column=each.trait,
                fix="make it again",
            )
