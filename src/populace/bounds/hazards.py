"""What a verdict can be about: the hazards of the AILuminate standard and four of our own, as data."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from importlib import resources
from types import MappingProxyType
from typing import Literal

import msgspec

from populace.errors import DataError

__all__ = ["Hazard", "hazard", "hazards"]


class Hazard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of harm, or of manner, that a text can have."""

    name: str
    """As a policy writes it: `context.s.NAME.score`."""
    title: str
    group: Literal["physical", "non-physical", "contextual", "manners"]
    tier: Literal["1", "2"]
    """Where the example bundles put it."""
    source: str
    meaning: str
    aliases: tuple[str, ...] = ()
    """Other words for it in data sets."""
    llama_guard: str | None = None
    """What Llama Guard 3 and 4 call it."""


@functools.cache
def hazards() -> Mapping[str, Hazard]:
    """Give all hazards by name, in the order of the data file.

    Examples
    --------
    >>> len(hazards()), hazards()["cse"].title
    (19, 'Child sexual exploitation')
    """
    text = resources.files("populace.bounds").joinpath("data", "hazards.toml").read_text("utf-8")
    rows = msgspec.convert(tomllib.loads(text)["hazard"], list[Hazard])
    return MappingProxyType({row.name: row for row in rows})


def hazard(name: str) -> Hazard:
    """Find a hazard by its name, an alias, or Llama Guard's number for it (the first that has it).

    Raises
    ------
    DataError
        If there is none of this name.

    Examples
    --------
    >>> hazard("S4").name, hazard("toxicity").name
    ('cse', 'off')
    """
    wanted = name.strip().lower()
    for each in hazards().values():
        if wanted in {each.name, *each.aliases, (each.llama_guard or "").lower()} - {""}:
            return each
    raise DataError(f"there is no hazard {name!r}", fix=f"name one of {', '.join(hazards())}")
