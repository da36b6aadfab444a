"""The layers above History: derived statements, under the fields of the paper's dictionary.

*Distilled* statements say what items show; *induced* ones what may be concluded. A statement names the items
it rests on, may be used for what all of them may, and goes with any of them. A later one that contradicts it
closes it (`until`) and leaves it readable. The fields are those that the released code of Persona-DB (arXiv
2402.11060) asks for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from populace.memory.asking import ask_of, marks, texts_of

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = [
    "CACHE",
    "DISTILLED",
    "FAILED",
    "INDUCED",
    "MORALS",
    "PROFILE",
    "SHARED",
    "VALUES",
    "Statement",
    "statements_of",
]

VALUES = (
    *("self-direction", "stimulation", "hedonism", "achievement", "power"),
    *("security", "conformity", "tradition", "benevolence", "universalism"),
)
"""Schwartz (1992), doi 10.1016/S0065-2601(08)60281-6."""
MORALS = (
    *("authority", "betrayal", "care", "cheating", "degradation"),
    *("fairness", "harm", "loyalty", "purity", "subversion"),
)
"""Moral foundations (Graham, Haidt, Nosek 2009, doi 10.1037/a0015141)."""
DISTILLED: Mapping[str, str] = {
    "values": "values held, of: " + ", ".join(VALUES),
    "morals": "moral foundations shown, of: " + ", ".join(MORALS),
    "ideologies": "political, religious or other ideologies",
    "possessions": "what the person has: things, pets, homes, memberships",
    "topics": "topics the person speaks of",
    "issues": "issues, with what the person believes of each",
    "entities": "people, groups, places, brands, with what the person thinks of each",
    "profession": "occupation",
    "roles": "social roles: parent, student, neighbour",
    "behaviour": "patterns of behaviour",
    "emotion": "patterns of emotion",
    "engagement": "patterns of engagement: when and how the person responds",
    "notes": "anything else worth knowing",
}
"""The 13 fields of a distilled persona."""
INDUCED: Mapping[str, str] = {
    "issues": "issues not spoken of yet, with what the person may believe of each",
    "entities": "people, groups, places not spoken of yet, with what the person may think of each",
    "analysis": "what kind of person this is, and why they respond as they do",
    "notes": "anything else that may be concluded",
}
CACHE = ("values", "ideologies", "topics", "profession", "possessions", "roles")
"""Fields by which people are compared."""
SHARED = ("issues", "entities")
"""Fields that a JOIN may tell of a neighbour; all other fields describe who they are."""
PROFILE = tuple(field for field in DISTILLED if field not in SHARED)
"""Fields that are always told of the person, whatever is asked."""
FAILED = "unreadable"
"""The layer of answers of models that could not be read."""


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """One derived sentence."""

    statement: int
    """Its number in the store."""
    layer: str
    field: str
    text: str
    items: tuple[int, ...]
    """Numbers of the items it rests on."""
    model: str
    """What derived it."""
    prompt: str
    """Hash of the templates; empty for rules."""
    confidence: float | None
    made: float
    """Seconds since 1970, UTC."""
    until: float | None
    """When something that was said contradicted it; None: it holds."""

    @property
    def about(self) -> str:
        """What it is about, where it says so: `gun control: for background checks`."""
        head, colon, _ = self.text.partition(": ")
        return head if colon else ""


def statements_of(
    connection: Connection,
    people: Sequence[int],
    purpose: str | None,
    *,
    layers: Sequence[str] = ("distilled", "induced"),
    fields: Sequence[str] | None = None,
    by_others: bool = False,
    past: bool = False,
    but_text: int | None = None,
) -> dict[int, list[Statement]]:
    """Give statements about people whose sources may all be used for a purpose, in the order they were made.

    Parameters
    ----------
    connection
        A transaction.
    people
        Numbers of people.
    purpose
        None: whatever they may be used for.
    layers, fields
        Which.
    by_others
        Whether they are read for a prediction of somebody else.
    past
        Whether those that were contradicted since are given too.
    but_text
        The number of a text: a statement that rests on a response to it is left out.
    """
    where = f"s.person IN ({{}}) AND s.layer IN ({marks(layers)}) AND {_SOURCED}"
    values: list[Any] = [*layers]
    if fields is not None:
        where += f" AND s.field IN ({marks(fields)})"
        values += fields
    if not past:
        where += " AND s.until IS NULL"
    if purpose is not None:
        where += f" AND {_UNUSABLE.format('' if not by_others else _SHARING)}"
        values.append(purpose)
    if but_text is not None:
        where += f" AND {_RESTING}"
        values.append(but_text)
    rows = [
        _Row(*row)
        for row in ask_of(connection, f"{_READ} WHERE {where} ORDER BY s.statement", people, values)
    ]
    texts = texts_of(connection, {each for row in rows for each in (row.text, row.model, row.prompt)})
    sources: dict[int, list[int]] = {}
    resting = "SELECT statement, item FROM memory_statement_sources WHERE statement IN ({}) ORDER BY item"
    for statement, item in ask_of(connection, resting, [row.statement for row in rows]):
        sources.setdefault(statement, []).append(item)
    told: dict[int, list[Statement]] = {person: [] for person in people}
    for row in rows:
        told[row.person].append(
            Statement(
                statement=row.statement,
                layer=row.layer,
                field=row.field,
                text=texts[row.text],
                items=tuple(sources[row.statement]),
                model=texts[row.model],
                prompt=texts[row.prompt],
                confidence=row.confidence,
                made=row.made,
                until=row.until,
            )
        )
    return told


class _Row(NamedTuple):
    statement: int
    person: int
    layer: str
    field: str
    text: int
    model: int
    prompt: int
    confidence: float | None
    made: float
    until: float | None


_READ = f"SELECT {', '.join(f's.{name}' for name in _Row._fields)} FROM memory_statements s"
_SOURCED = "EXISTS (SELECT 1 FROM memory_statement_sources r WHERE r.statement = s.statement)"
_ON = (
    "memory_statement_sources r JOIN memory_items i ON i.person = r.person AND i.item = r.item "
    "WHERE r.statement = s.statement"
)
_UNUSABLE = (
    f"NOT EXISTS (SELECT 1 FROM {_ON} AND i.consent NOT IN "
    "(SELECT p.consent FROM memory_purposes p {} WHERE p.purpose = ?))"
)
"""The mask of `consent.usable`, over all items that a statement rests on."""
_SHARING = "JOIN memory_consents c ON c.consent = p.consent AND c.share"
_RESTING = f"NOT EXISTS (SELECT 1 FROM {_ON} AND i.text = ?)"
