"""What a sample may ask for: size, strata and their allocation, boosts, shares, households."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from populace.errors import DataError
from populace.population.targets import NONE

__all__ = ["Boost", "Design", "as_design", "check_design"]

Boost = Mapping[str, Mapping[Any, float]]
"""Column -> value -> number."""


class Design(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How people are drawn."""

    size: int
    """People to draw, or households."""
    replace: bool = False
    """Draw independently instead of systematically."""
    once: bool = False
    """Nobody comes twice: who would is certain to come once, with his own weight."""
    strata: tuple[str, ...] = ()
    """Columns whose every combination is drawn from by itself."""
    allocation: Literal["proportional", "equal", "neyman"] | dict[str, int] = "proportional"
    """Draws of each stratum; or a number for each, values of several columns joined by ` × `."""
    variable: str | None = None
    """What Neyman's allocation shall estimate best."""
    boost: dict[str, dict[str, float]] = {}
    """Column -> value -> how many times as often its people are drawn."""
    shares: dict[str, dict[str, float]] = {}
    """Column -> value -> share of the sample."""
    households: bool = False
    """Draw whole households, with probability proportional to their members' mean weight."""


def as_design(size: int, **settings: Any) -> Design:
    """Make a design from what a caller wrote: any values as keys, a single column as strata."""
    strata: str | Sequence[str] = settings.pop("strata", None) or ()
    allocation = settings.pop("allocation", "proportional")
    if isinstance(allocation, Mapping):
        allocation = {_key(name): int(count) for name, count in allocation.items()}
    elif allocation not in ("proportional", "equal", "neyman"):
        raise DataError(
            f"there is no allocation {allocation!r}", fix="give proportional, equal, neyman or counts"
        )
    tables = {
        name: {
            str(c): {_key(v): float(n) for v, n in t.items()}
            for c, t in (settings.pop(name, None) or {}).items()
        }
        for name in ("boost", "shares")
    }
    columns = (strata,) if isinstance(strata, str) else tuple(strata)
    return Design(size=size, strata=columns, allocation=allocation, **tables, **settings)


def check_design(design: Design) -> None:
    """Refuse a design that contradicts itself.

    Raises
    ------
    DataError
        With what does not go together.
    """
    if design.size < 0:
        raise DataError(f"cannot draw {design.size} people", fix="give a size from 0 up")
    wrong = {
        "boost and shares say two things": bool(design.boost and design.shares),
        "replace and once exclude each other": design.replace and design.once,
        "an allocation needs strata": design.allocation != "proportional" and not design.strata,
        "boosted strata are allocated by the boost": design.allocation != "proportional"
        and bool(design.boost or design.shares),
        "Neyman's allocation needs a variable": design.allocation == "neyman" and not design.variable,
        "shares of one column only can be given": len(design.shares) > 1,
        "households cannot be drawn by shares or Neyman's allocation": design.households
        and (bool(design.shares) or design.allocation == "neyman"),
    }
    for what, holds in wrong.items():
        if holds:
            raise DataError(what, fix="give one of the two, or what is missing")


def _key(value: Any) -> str:
    if isinstance(value, tuple):
        return " × ".join(_key(part) for part in value)
    return NONE if value is None else str(value)
