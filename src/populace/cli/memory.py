"""`populace memory`: a memory of people on disk; items in, whole again, or gone with all that was derived."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from populace.cli.memory_asking import count, predict, retrieve, weigh
from populace.cli.memory_deriving import choose, distill, induce, learn, place
from populace.cli.memory_options import AsJson, Person, Purpose, Where, opened, pairs_of, tell_json
from populace.cli.memory_person import audit, explain, export, read

app = typer.Typer(
    no_args_is_help=True, help="A memory of people: what they said, what follows, who may know."
)

_Consent = Annotated[
    list[str] | None,
    typer.Option(help="What they may be used for; may be given again.", metavar="PURPOSE"),
]
_Share = Annotated[
    bool, typer.Option("--share/--no-share", help="Whether other people's predictions may use them.")
]

_Redact = Annotated[
    str | None,
    typer.Option(
        help="Take out who somebody is, for this command alone: patterns or presidio.",
        metavar="NAME",
    ),
]


@app.command()
def add(
    store: Where,
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
    consent: _Consent = None,
    share: Annotated[
        bool | None,
        typer.Option("--share/--no-share", help="Whether other people's predictions may use them."),
    ] = None,
    redact: _Redact = None,
    as_json: AsJson = False,
) -> None:
    """Add items; all of the file, or nothing where a row is malformed.

    Items that are there already keep what they may be used for, unless it is said here or in the file.
    """
    from populace.memory import Consent

    told = None
    if consent is not None or share is not None:
        told = Consent(tuple(consent or ("research",)), share=share is not False)
    with opened(store, create=True, redact=redact) as db:
        found = db.add(person, file, told)
        if as_json:
            tell_json({"given": found.given, "new": found.new, "items": found.ids})
            return
        typer.echo(
            f"{db.store.name}: {found.new:,} items added, {found.given - found.new:,} were there already"
        )


@app.command()
def describe(
    store: Where,
    person: Person,
    attributes: Annotated[
        list[str], typer.Argument(metavar="NAME=VALUE...", help="Attributes; NAME= takes one back.")
    ],
    consent: _Consent = None,
    share: _Share = True,
    redact: _Redact = None,
    as_json: AsJson = False,
) -> None:
    """Say what a person is: age=36 region=north."""
    from populace.memory import Consent

    told = pairs_of("NAME=VALUE", attributes)
    with opened(store, create=True, redact=redact) as db:
        values = {name: value or None for name, value in told.items()}
        db.describe(person, values, Consent(tuple(consent or ("research",)), share=share))
        if as_json:
            tell_json({"person_id": person, "attributes": len(told)})
        else:
            typer.echo(f"{db.store.name}: {len(told)} attributes of {person}")


@app.command()
def allow(
    store: Where,
    person: Person,
    consent: _Consent = None,
    share: _Share = True,
    item: Annotated[
        list[int] | None,
        typer.Option("--item", help="Only this item, by its number; may be given again.", metavar="NUMBER"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Set what a person's data may be used for; without --consent, for nothing."""
    from populace.memory import Consent

    with opened(store) as db:
        count = db.allow(person, Consent(tuple(consent or ()), share=share), item)
        if as_json:
            tell_json({"items": count})
        else:
            typer.echo(f"{db.store.name}: {count:,} items; what was derived under the old consent is gone")


@app.command()
def forget(
    store: Where,
    person: Person,
    item: Annotated[
        list[int] | None,
        typer.Option("--item", help="Only this item, by its number; may be given again.", metavar="NUMBER"),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    patience: Annotated[float, typer.Option(min=0, help="Seconds to wait for readers.")] = 10.0,
    purpose: Purpose = "access",
    as_json: AsJson = False,
) -> None:
    """Delete a person, or items of theirs, with all that was derived; and their bytes."""
    with opened(store, purpose=purpose) as db:
        if not yes:
            whom = person if item is None else f"{len(item)} items of {person}"
            typer.confirm(f"Delete {whom} and all that was derived from it?", abort=True, err=as_json)
        gone = db.forget(person, item, patience=patience)
        if as_json:
            tell_json(gone._asdict())
        else:
            typer.echo(
                f"{db.store.name}: {gone.items:,} items, {gone.statements:,} statements, {gone.models:,} "
                f"fitted models, {gone.neighbours:,} places among neighbours, {gone.texts:,} texts are gone"
            )
        if gone.overwritten:
            if not as_json:
                typer.echo("their bytes are overwritten")
            return
        from populace.errors import DataError

        raise DataError(
            "deleted, but others read the database, so the bytes are still in its files",
            file=db.store.name,
            fix="close what reads it; the next deletion, or opening, overwrites them",
        )


@app.command()
def check(store: Where, as_json: AsJson = False) -> None:
    """Look whether the store is whole; reads all of it."""
    with opened(store) as db:
        wrong = db.check()
        if as_json:
            tell_json({"wrong": wrong, "people": len(db.people())})
        else:
            for line in wrong:
                typer.echo(line)
        if wrong:
            raise typer.Exit(1)
        if not as_json:
            typer.echo(f"{db.store.name}: whole; {len(db.people()):,} people")


@app.command()
def compact(
    store: Where,
    patience: Annotated[float, typer.Option(min=0, help="Seconds to wait for others.")] = 60.0,
    as_json: AsJson = False,
) -> None:
    """Write the database anew, which gives back the room of what was deleted."""
    from populace.errors import DataError
    from populace.memory.scrubbing import compact as write_anew

    with opened(store) as db:
        if not write_anew(db.store, patience):
            raise DataError(
                "others use the database", file=db.store.name, fix="close what uses it, and try again"
            )
        if as_json:
            tell_json({"written": db.store.name})
        else:
            typer.echo(f"{db.store.name}: written anew")


for _command in (distill, induce, place, learn, choose, retrieve, predict, weigh, count):
    app.command()(_command)
for _command in (export, read, explain, audit):
    app.command()(_command)
