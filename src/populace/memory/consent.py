"""What an item may be used for, and by whose predictions: a mask that stands in every query.

Nothing is read and then filtered: `usable` gives the condition, and the database never hands out a row that
does not meet it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec

from populace.errors import DataError

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection

__all__ = ["Consent", "as_consent", "checked_purpose", "consent_number", "consents", "usable"]

_LONGEST = 60


class Consent(msgspec.Struct, frozen=True):
    """The purposes something may be used for.

    Examples
    --------
    >>> as_consent("research")
    Consent(purposes=('research',), share=True)
    >>> Consent(("product", "research"), share=False).share
    False
    """

    purposes: tuple[str, ...]
    """Empty: it is kept and exported, and used for nothing."""
    share: bool = True
    """Whether predictions of other people may rest on it, for these purposes."""


def as_consent(value: Consent | str | Iterable[str]) -> Consent:
    """Read a consent: a purpose, several, or a `Consent`; purposes are sorted.

    Raises
    ------
    DataError
        If a purpose is no short text.
    """
    if isinstance(value, str):
        return Consent((checked_purpose(value),))
    share = True
    if isinstance(value, Consent):
        value, share = value.purposes, value.share
    try:
        purposes = sorted({checked_purpose(each) for each in value})
    except TypeError as error:
        raise DataError(f"{value!r} is no consent", fix="give a purpose, or several") from error
    return Consent(tuple(purposes), bool(share))


def checked_purpose(value: Any) -> str:
    """Give a purpose back if it is one.

    Raises
    ------
    DataError
        If it is no text of 1 to 60 printable characters.
    """
    if not isinstance(value, str) or not value.strip() or len(value) > _LONGEST or not value.isprintable():
        raise DataError(f"{value!r} is no purpose", column="consent", fix="give a word, as `research`")
    return value.strip()


def consent_number(connection: Connection, consent: Consent) -> int:
    """Give the number of a consent in this store, writing it down if it is new."""
    from sqlalchemy import func, insert, select

    from populace.memory import tables as t

    for number, known in consents(connection).items():
        if known == consent:
            return number
    number = (connection.execute(select(func.max(t.consents.c.consent))).scalar() or 0) + 1
    connection.execute(insert(t.consents), {"consent": number, "share": consent.share})
    rows = [{"consent": number, "purpose": purpose} for purpose in consent.purposes]
    if rows:
        connection.execute(insert(t.purposes), rows)
    return number


def consents(connection: Connection) -> dict[int, Consent]:
    """Give all consents of a store by number."""
    from sqlalchemy import select

    from populace.memory import tables as t

    purposes: dict[int, list[str]] = {}
    for number, purpose in connection.execute(select(t.purposes.c.consent, t.purposes.c.purpose)):
        purposes.setdefault(number, []).append(purpose)
    rows = connection.execute(select(t.consents.c.consent, t.consents.c.share))
    return {number: Consent(tuple(sorted(purposes.get(number, ()))), share) for number, share in rows}


def usable(column: ColumnElement[int], purpose: str, *, by_others: bool = False) -> ColumnElement[bool]:
    """Give the condition under which a row may be used: for the purpose, and by others if it is for them.

    Parameters
    ----------
    column
        The consent's number: `items.c.consent` or `attributes.c.consent`.
    purpose
        What it is read for.
    by_others
        Whether it is read for a prediction of somebody else.
    """
    from sqlalchemy import select

    from populace.memory import tables as t

    numbers = select(t.purposes.c.consent).where(t.purposes.c.purpose == purpose)
    if by_others:
        joined = t.purposes.join(t.consents, t.consents.c.consent == t.purposes.c.consent)
        numbers = numbers.select_from(joined).where(t.consents.c.share.is_(True))
    return column.in_(numbers)
