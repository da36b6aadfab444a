"""One record of an audit: ids, counts and hashes, and no field that could hold a text."""

from __future__ import annotations

import re
from typing import Any, Literal

import msgspec

from populace.errors import DataError

__all__ = ["Entry", "Event", "check", "token"]

_TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@+-]{0,119}")
_PLACE = re.compile(r"at `\$\.(\w+)")
_OWN = frozenset({"n", "at", "event", "prev", "hash", "subject", "text", "bytes_cut", "lost", "head"})
"""Fields that the audit fills."""
Event = Literal["decision", "load", "change", "consent", "forget", "mended"]


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One record of the chain. No field can hold a text: all words are ids without spaces."""

    n: int
    """Its number, from 1."""
    at: str
    """When, in UTC."""
    event: Event
    prev: str
    """Hash of the record before; zeros before the first."""
    hash: str = ""
    subject: str = ""
    """Whom it is about: a keyed hash. Empty where it is about nobody."""
    text: str = ""
    """Of what text: a keyed hash; equal for equal texts of one subject."""
    action: str = ""
    allowed: bool | None = None
    tier: int | None = None
    """Of the rule that decided."""
    rule: str = ""
    rules: tuple[str, ...] = ()
    """Ids of all rules that forbade it."""
    duties: tuple[str, ...] = ()
    """Ids of the duties that stay required."""
    needed: tuple[str, ...] = ()
    """Verdicts that were lacking."""
    errors: int = 0
    """How many rules could not be evaluated."""
    bundle: str = ""
    """Hash of the policies."""
    bytes_cut: int = 0
    """Of `mended`: bytes of an unfinished line that a killed process left, which were removed."""
    lost: int = 0
    """Of `mended`: records that the head named and the chain no longer had. `verify` never forgets them."""
    head: Literal["", "other", "gone"] = ""
    """Of `mended`: the head named another record than the chain had, or was not to be read. Not forgotten."""


def token(text: str) -> bool:
    """Say whether a text can be an id: no spaces, not long. Words that hyphens join pass: it sees no more."""
    return _TOKEN.fullmatch(text) is not None


def check(event: str, fields: dict[str, Any]) -> None:
    """Refuse what could be a text, or what could not be read again: every word is an id.

    Raises
    ------
    DataError
        If the event or a field is unknown, or the field one that the audit fills, or one that holds what is
        no id or of another kind.
    """
    for name in fields:
        if name not in Entry.__struct_fields__ or name in _OWN:
            raise DataError("a record has no such field of the caller's", fix="use a field of Entry")
    try:
        msgspec.convert({"n": 1, "at": "", "prev": "", "event": event, **fields}, Entry, strict=True)
    except msgspec.ValidationError as error:
        # What it says may quote the value.
        place = _PLACE.search(str(error))
        what = f"{place[1] if place else 'a field'} of a record is of another kind"
        raise DataError(what, fix="an audit holds ids, counts and hashes: see Entry") from None
    for name, value in fields.items():
        for each in value if isinstance(value, tuple | list) else (value,):
            if isinstance(each, str) and each and not token(each):
                fix = "an audit holds ids and hashes, never texts"
                raise DataError(f"{name} holds what is no id", fix=fix)
