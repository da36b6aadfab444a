"""`populace memory`: a memory of people on disk; one person's items in, out, explained and forgotten."""

from __future__ import annotations

import getpass
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from populace.memory import PersonaDB

app = typer.Typer(
    no_args_is_help=True, help="A memory of people: what they said, what follows, who may know."
)

_Where = Annotated[
    str,
    typer.Argument(
        metavar="STORE",
        help="Where the memory is: a SQLite file, or postgresql://...",
        envvar="POPULACE_MEMORY",
    ),
]
_Person = Annotated[str, typer.Argument(metavar="PERSON", help="Id of a person.")]
_Purpose = Annotated[str, typer.Option(help="What it is for.", metavar="WORD")]


@app.command()
def add(
    store: _Where,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="Items: .jsonl, .csv or .parquet with text, response, options, ordinal, topic, time, "
            "source; person_id, purposes and share where rows differ in them.",
        ),
    ],
    person: Annotated[
        str | None, typer.Option(help="Whose they are, where no column says it.", metavar="ID")
    ] = None,
    consent: Annotated[
        list[str] | None,
        typer.Option(help="What they may be used for; may be given again.", metavar="PURPOSE"),
    ] = None,
    share: Annotated[
        bool, typer.Option("--share/--no-share", help="Whether other people's predictions may use them.")
    ] = True,
    redact: Annotated[
        str | None,
        typer.Option(help="Take out who somebody is: patterns or presidio.", metavar="NAME"),
    ] = None,
) -> None:
    """Add items; all of the file, or nothing where a row is malformed."""
    from populace.memory import Consent

    told = Consent(tuple(consent or ("research",)), share=share)
    with _opened(store, create=True, redact=redact) as db:
        found = db.add(person, file, told)
        typer.echo(
            f"{db.store.name}: {found.new:,} items added, {found.given - found.new:,} were there already"
        )


@app.command()
def forget(
    store: _Where,
    person: _Person,
    item: Annotated[
        list[int] | None,
        typer.Option("--item", help="Only this item, by its number; may be given again.", metavar="NUMBER"),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    patience: Annotated[float, typer.Option(min=0, help="Seconds to wait for readers.")] = 10.0,
) -> None:
    """Delete a person, or items of theirs, with all that was derived; and their bytes."""
    with _opened(store) as db:
        if not yes:
            whom = person if item is None else f"{len(item)} items of {person}"
            typer.confirm(f"Delete {whom} and all that was derived from it?", abort=True)
        gone = db.forget(person, item, patience=patience)
        typer.echo(
            f"{db.store.name}: {gone.items:,} items, {gone.statements:,} statements, {gone.models:,} fitted "
            f"models, {gone.neighbours:,} places among neighbours and {gone.texts:,} texts are gone"
        )
        if gone.overwritten:
            typer.echo("their bytes are overwritten")
            return
        from populace.errors import DataError

        raise DataError(
            "deleted, but others read the database, so the bytes are still in its files",
            file=db.store.name,
            fix="close what reads it; the next deletion, or opening, overwrites them",
        )


@app.command()
def export(
    store: _Where,
    person: _Person,
    out: Annotated[Path, typer.Option(help="File to write.", metavar="FILE")],
    encrypt: Annotated[
        bool,
        typer.Option("--encrypt", help="Under a password: POPULACE_PASSWORD, or asked for."),
    ] = False,
    purpose: _Purpose = "access",
) -> None:
    """Write everything that is here about a person as JSON; `read` opens an encrypted one."""
    with _opened(store, purpose=purpose) as db:
        told = db.export(person, out, password=_password(confirm=True) if encrypt else None)
        counts = (f"{len(told[kind]):,} {kind}" for kind in ("items", "statements", "reads"))
        typer.echo(f"{out}: {', '.join(counts)}{', encrypted' if encrypt else ''}")


@app.command()
def read(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `export` wrote.")],
    out: Annotated[Path | None, typer.Option(help="JSON file to write; shown if left out.")] = None,
) -> None:
    """Open an encrypted export."""
    import msgspec

    from populace.memory.exporting import read_export, write_export

    sealed = file.open("rb").read(18).startswith(b"populace-export")
    told = read_export(file, _password() if sealed else None)
    if out is None:
        typer.echo(msgspec.json.format(msgspec.json.encode(told), indent=2).decode())
        return
    write_export(out, told)
    typer.echo(f"{out}: written")


@app.command()
def explain(store: _Where, person: _Person, purpose: _Purpose = "access") -> None:
    """Say what is known of a person, from which items, by which model, and who read it."""
    with _opened(store, purpose=purpose) as db:
        typer.echo(str(db.explain(person)))


@app.command()
def audit(
    store: _Where,
    person: Annotated[str | None, typer.Argument(metavar="PERSON", help="Only reads of theirs.")] = None,
    last: Annotated[int, typer.Option(min=1, help="Lines to show.")] = 50,
    out: Annotated[Path | None, typer.Option(help="Write all lines as .csv.", metavar="FILE")] = None,
) -> None:
    """List who read whose data, what for, and when."""
    import polars as pl
    from rich.console import Console

    from populace.memory.auditing import audit_table

    with _opened(store) as db:
        table = audit_table(db.store, person)
    if out is not None:
        from populace.atomic import write_atomic

        write_atomic(out, table.write_csv().encode())
        typer.echo(f"{out}: {table.height:,} lines")
        return
    shown: Any = _table(table.tail(last).with_columns(pl.col("time").dt.strftime("%Y-%m-%d %H:%M:%S")))
    Console().print(shown)
    if table.height > last:
        typer.echo(f"the last {last:,} of {table.height:,} lines; --last shows more, --out writes all")


@app.command()
def check(store: _Where) -> None:
    """Look whether the store is whole; reads all of it."""
    with _opened(store) as db:
        wrong = db.check()
        for line in wrong:
            typer.echo(line)
        if wrong:
            raise typer.Exit(1)
        typer.echo(f"{db.store.name}: whole; {len(db.people()):,} people")


@app.command()
def compact(
    store: _Where, patience: Annotated[float, typer.Option(min=0, help="Seconds to wait for others.")] = 60.0
) -> None:
    """Write the database anew, which gives back the room of what was deleted."""
    from populace.errors import DataError
    from populace.memory.scrubbing import compact as write_anew

    with _opened(store) as db:
        if not write_anew(db.store, patience):
            raise DataError(
                "others use the database", file=db.store.name, fix="close what uses it, and try again"
            )
        typer.echo(f"{db.store.name}: written anew")


def _opened(
    store: str, *, create: bool = False, purpose: str = "access", redact: str | None = None
) -> PersonaDB:
    from populace.memory import PersonaDB

    return PersonaDB.open(store, purpose, create=create, redact=redact, actor=_actor())


def _actor() -> str:
    """Name who runs this, for the audit."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name, in a container
        return ""


def _password(*, confirm: bool = False) -> str:
    given = os.environ.get("POPULACE_PASSWORD")
    return given or typer.prompt("Password", hide_input=True, confirmation_prompt=confirm)


def _table(table: Any) -> Any:
    from rich.table import Table

    shown = Table(*table.columns)
    for row in table.iter_rows():
        shown.add_row(*("" if value is None else str(value) for value in row))
    return shown
