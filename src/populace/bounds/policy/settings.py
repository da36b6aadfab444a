"""`bounds.toml`, `duties.toml`, `wishes.toml`: what a deployment is, what may be required, what wished."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any, Literal

import msgspec

from populace.bounds.hazards import hazards
from populace.bounds.policy.tables import check_token, read_toml
from populace.errors import DataError

__all__ = [
    "KINDS",
    "NOBODY",
    "OWN",
    "PURPOSES",
    "Choice",
    "Duty",
    "Limits",
    "Settings",
    "read_duties",
    "read_settings",
    "read_wishes",
]

KINDS = (
    *("preferences", "interests", "history", "name", "contact", "location", "age", "health", "religion"),
    *(
        "politics",
        "ethnicity",
        "sexuality",
        "union",
        "biometrics",
        "genetics",
        "finances",
        "emotions",
        "crime",
    ),
)
"""Kinds of personal data that are known without being named in `bounds.toml`."""
PURPOSES = ("chat", "memory", "research", "training", "sharing", "safety")
NOBODY = "none"
"""The organisation of a deployment that names none."""
OWN = "own_words"
"""The topic of what users wish in their own words: they cannot choose another."""
_RESERVED = ("true", "false", "if", "then", "else", "in", "is", "like", "has", "__cedar")
"""Words of Cedar, that cannot name a hazard."""


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What holds where a predicate gives no verdict: the law and a user's own limits always deny."""

    seconds: float = 5.0
    """For each predicate."""
    tier2: Literal["deny", "allow"] = "deny"
    """Whether a rule of tier 2 that lacks its verdict denies, or is left out and written down."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The deployment."""

    appeal: str
    """Where to appeal, where a rule says nothing of it."""
    title: str = ""
    organisation: str = NOBODY
    provider: str | None = None
    """Who provides the model: its folder of tier 2 binds as well."""
    jurisdictions: tuple[str, ...] = ()
    """Those that always apply; a request's are added."""
    known: tuple[str, ...] = ()
    """Jurisdictions for which no rule is needed."""
    minor: bool | None = None
    """Whether users are minors where the application does not say; unsaid, they are. If true, all are."""
    audit: Literal["all", "refused", "none"] = "all"
    form_consents: tuple[str, ...] | None = None
    """What users can agree to by their own form; all else the application alone can say. Left out, it is the
    listed purposes and kinds, and no word that a rule alone knows, such as a parent's consent."""
    notice: str = ""
    """What whoever reads the card, the ledger or a form has to know first."""
    kinds: tuple[str, ...] = KINDS
    purposes: tuple[str, ...] = PURPOSES
    limits: Limits = Limits()
    hazards: dict[str, str] = {}
    """Names and titles of hazards of one's own."""
    predicates: dict[str, Any] = {}
    card: dict[str, Any] = {}
    documents: dict[str, Any] = {}

    def titles(self) -> dict[str, str]:
        """Give all hazards that a rule may read, with their titles."""
        return {name: each.title for name, each in hazards().items()} | dict(self.hazards)


class Duty(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a reply may be required to do."""

    id: str
    text: str
    """For the model."""
    check: str = ""
    """How it is seen that a reply did it."""
    excludes: tuple[str, ...] = ()
    """Wishes, by id or topic, that cannot be met together with it."""
    clashes: tuple[str, ...] = ()
    """Duties that cannot be met together with it."""
    pattern: str = ""
    """A regular expression that a reply which met it matches."""


class _Duties(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    duty: tuple[Duty, ...] = ()


class Choice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A wish of the catalogue."""

    id: str
    topic: str
    text: str
    title: str = ""
    group: str = ""
    """Under which the form shows it."""
    opposite: str = ""
    """The wish that is shown as the other choice."""


class _Wishes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    wish: tuple[Choice, ...] = ()


def read_settings(path: Path) -> Settings:
    """Read `bounds.toml`.

    Raises
    ------
    DataError
        If it is missing or malformed, or an id is none.
    """
    if not path.exists():
        raise DataError(
            "there is no bounds.toml in this folder",
            file=path.parent,
            fix="make one, or start with `populace bounds init`",
        )
    found = read_toml(path, Settings)
    if not found.appeal.strip():
        raise DataError("a refusal has to name where to appeal", file=path, column="appeal", fix="fill it in")
    named = {"organisation": (found.organisation,), "provider": (found.provider,) if found.provider else ()}
    lists = {name: getattr(found, name) for name in ("jurisdictions", "known", "kinds", "purposes")}
    lists["form_consents"] = found.form_consents or ()
    for name, values in {**named, **lists, "hazards": tuple(found.hazards)}.items():
        for value in values:
            check_token(value, f"{name}:", path)
    for name in found.hazards:
        if name in hazards() or name in _RESERVED or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise DataError(f"{name!r} cannot be a hazard's name here", file=path, fix="choose another word")
    if not 0 < found.limits.seconds < math.inf:
        raise DataError("a limit of time is a number above zero", file=path, column="seconds")
    return found


def read_duties(path: Path) -> dict[str, Duty]:
    """Read `duties.toml`, if there is one.

    Raises
    ------
    DataError
        If it is malformed, an id stands twice, or a clash names no duty.
    """
    rows = read_toml(path, _Duties).duty if path.exists() else ()
    found = _by_id(rows, "duty", path)
    for duty in rows:
        for other in duty.clashes:
            if other not in found or other == duty.id:
                raise DataError(
                    f"the duty {duty.id} clashes with {other!r}, which is no other duty", file=path
                )
    # What clashes with another is clashed with, whichever of the two says so.
    return {
        name: msgspec.structs.replace(
            duty, clashes=tuple(each for each in found if each in duty.clashes or name in found[each].clashes)
        )
        for name, duty in found.items()
    }


def read_wishes(path: Path) -> dict[str, Choice]:
    """Read `wishes.toml`, if there is one: what users may choose.

    Raises
    ------
    DataError
        If it is malformed, or an id stands twice.
    """
    rows = read_toml(path, _Wishes).wish if path.exists() else ()
    for row in rows:
        check_token(row.topic, "the topic", path)
        if row.topic == OWN:
            raise DataError(f"the topic {OWN} is that of users' own words", file=path, fix="choose another")
    return _by_id(rows, "wish", path)


def _by_id(rows: tuple[Any, ...], what: str, path: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for row in rows:
        check_token(row.id, f"the {what}", path)
        if row.id in found:
            raise DataError(f"the {what} {row.id} stands here twice", file=path, fix="rename one")
        found[row.id] = row
    return found
