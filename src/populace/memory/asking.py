"""Ask the driver itself, for what every retrieval does: SQLAlchemy's own work would be most of the time."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from populace.memory.words import blocks

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["ask", "ask_of", "marks", "texts_of"]


def marks(values: Collection[Any]) -> str:
    """Give a `?` a value, for `IN (...)`."""
    return ", ".join("?" * len(values))


def ask(connection: Connection, statement: str, values: Sequence[Any] = ()) -> Sequence[Any]:
    """Run a query that has a `?` a value."""
    if connection.dialect.name != "sqlite":
        statement = statement.replace("?", "%s")
    cursor: Any = connection.connection.cursor()
    try:
        cursor.execute(statement, tuple(values))
        return cursor.fetchall()
    finally:
        cursor.close()


def ask_of(
    connection: Connection,
    statement: str,
    numbers: Iterable[int],
    values: Sequence[Any] = (),
    *,
    first: Sequence[Any] = (),
) -> list[Any]:
    """Run a query that has `{}` where some of the numbers go, for all of them, between its other values."""
    found: list[Any] = []
    for block in blocks(sorted(set(numbers))):
        found += ask(connection, statement.format(marks(block)), [*first, *block, *values])
    return found


def texts_of(connection: Connection, numbers: Iterable[int]) -> dict[int, str]:
    """Give texts by number; 0 is the empty one."""
    wanted = set(numbers) - {0}
    rows = ask_of(connection, "SELECT text, body FROM memory_texts WHERE text IN ({})", wanted)
    return {0: "", **dict(rows)}
