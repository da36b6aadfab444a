"""What the memory's commands share: where it is, whom and what for, how results and progress are shown."""

from __future__ import annotations

import getpass
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from populace.memory import PersonaDB

__all__ = [
    "AsJson",
    "Person",
    "Purpose",
    "Seed",
    "Where",
    "actor",
    "opened",
    "pairs_of",
    "password",
    "progressing",
    "tabled",
    "tell_json",
]

Where = Annotated[
    str,
    typer.Argument(
        metavar="STORE",
        help="Where the memory is: a SQLite file, or postgresql://...",
        envvar="POPULACE_MEMORY",
    ),
]
Person = Annotated[str, typer.Argument(metavar="PERSON", help="Id of a person.")]
Purpose = Annotated[
    str, typer.Option(help="What it is for: only what may be used for it is read.", metavar="WORD")
]
Seed = Annotated[int, typer.Option(min=0, help="Of every draw.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for a machine to read.")]
_EVERY = 5.0
"""Seconds between lines of progress where there is no terminal."""


def opened(
    store: str, *, create: bool = False, purpose: str = "access", redact: str | None = None
) -> PersonaDB:
    """Open a memory as whoever runs this."""
    from populace.memory import PersonaDB

    return PersonaDB.open(store, purpose, create=create, redact=redact, actor=actor())


def actor() -> str:
    """Name who runs this, for the audit."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name, in a container
        return ""


def password(*, confirm: bool = False) -> str:
    """Read a password: POPULACE_PASSWORD, or asked for."""
    given = os.environ.get("POPULACE_PASSWORD")
    return given or typer.prompt("Password", hide_input=True, confirmation_prompt=confirm)


def pairs_of(option: str, given: Iterable[str] | None) -> dict[str, str]:
    """Read `name=value`.

    Raises
    ------
    DataError
        If the form is another.

    Examples
    --------
    >>> pairs_of("--attribute", ["age=36", "region=north west"])
    {'age': '36', 'region': 'north west'}
    """
    from populace.errors import DataError

    found = {}
    for text in given or ():
        name, equals, value = text.partition("=")
        if not (name.strip() and equals):
            raise DataError(f"{option}: {text!r} is not NAME=VALUE", fix="write age=36")
        found[name.strip()] = value.strip()
    return found


def tell_json(value: Any) -> None:
    """Print a record, or a list of them."""
    import msgspec

    typer.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def tabled(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print a table."""
    from rich.console import Console
    from rich.table import Table

    shown = Table(*names)
    for row in rows:
        shown.add_row(*("" if value is None else str(value) for value in row))
    Console().print(shown, markup=False)


@contextmanager
def progressing(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show how much is done on standard error: a bar on a terminal, else a line every few seconds."""
    from populace.run import duration

    began, last = time.monotonic(), [time.monotonic()]

    def line(done: int, total: int) -> str:
        seconds = time.monotonic() - began
        told = f"{done:,} of {total:,} {what}"
        if 0 < done < total and seconds > 1:
            told += f", {done / seconds:,.1f}/s, {duration(seconds * (total - done) / done)} left"
        return told

    if not sys.stderr.isatty():

        def tell(done: int, total: int) -> None:
            if time.monotonic() - last[0] >= _EVERY:
                last[0] = time.monotonic()
                typer.echo(line(done, total), err=True)

        yield tell
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (BarColumn(bar_width=24), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=Console(stderr=True), refresh_per_second=4, transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total, description=line(done, total))
