"""The 19 benefits and risks of personalisation as data: what each means, what bears on it, what measures it.

After Kirk, Vidgen, Röttger and Hale (2023), arXiv 2303.05453, paraphrased; the mappings to controls, measures
and other lists of risks are this project's. Each item says how far its wording was checked.

>>> from populace.bounds import taxonomy
>>> len(taxonomy.items()), taxonomy.item("I.R.6").title
(19, 'Privacy')
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from importlib import resources
from types import MappingProxyType
from typing import Literal

import msgspec

from populace.errors import DataError

__all__ = ["Item", "Source", "item", "items", "source"]


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the taxonomy is from, and how it was taken over."""

    title: str
    cite: str
    note: str
    date: str


class Item(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One benefit or risk."""

    id: str
    """I or S (individual, society), B or R (benefit, risk), a number."""
    title: str
    meaning: str
    """A paraphrase."""
    seen: Literal["fragment", "recalled"]
    """Whether a secondary fragment agrees with the title, or it is recalled alone."""
    controls: tuple[str, ...]
    """What bears on it: names of this project, `rule:` and `duty:` and `wish:` ids of the example folder."""
    measures: tuple[str, ...]
    """What measures it, as names of this project."""
    unmeasured: str = ""
    """What would have to be measured and is not, here."""
    inverse: str = ""
    """Of a benefit: the known harm that it is the inverse of."""
    hazards: tuple[str, ...] = ()
    """Names of `hazards.toml` (AILuminate, and our own)."""
    nist: tuple[str, ...] = ()
    """Risks of NIST AI 600-1."""
    nist_basis: Literal["atlas", "ours", ""] = ""
    """Whether a curated mapping of ai-atlas-nexus says so, or this project."""
    nist_note: str = ""
    air: tuple[str, ...] = ()
    """Level-3 risks of AIR-2024, by name."""

    @property
    def scope(self) -> str:
        """Whom it concerns."""
        return "individual" if self.id[0] == "I" else "society"

    @property
    def side(self) -> str:
        """Whether it is a benefit or a risk."""
        return "benefit" if self.id[2] == "B" else "risk"


@functools.cache
def items() -> Mapping[str, Item]:
    """Give all items by id, in the order of the taxonomy."""
    rows = msgspec.convert(_table()["item"], list[Item])
    return MappingProxyType({row.id: row for row in rows})


def item(name: str) -> Item:
    """Give one item.

    Raises
    ------
    DataError
        If there is none of this id.
    """
    found = items().get(name)
    if found is None:
        raise DataError(f"there is no item {name!r} in the taxonomy", fix=f"use one of {', '.join(items())}")
    return found


def source() -> Source:
    """Say where it is from."""
    return msgspec.convert(_table()["source"], Source)


@functools.cache
def _table() -> dict[str, object]:
    text = resources.files("populace.bounds").joinpath("data", "taxonomy.toml").read_text("utf-8")
    return tomllib.loads(text)
