"""`populace memory export|read|explain|audit`: what is known of somebody, and who read it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from populace.cli.memory_options import AsJson, Person, Purpose, Where, opened, password, tabled, tell_json

__all__ = ["audit", "explain", "export", "read"]


def export(
    store: Where,
    person: Person,
    out: Annotated[Path, typer.Option(help="File to write.", metavar="FILE")],
    encrypt: Annotated[
        bool,
        typer.Option("--encrypt", help="Under a password: POPULACE_PASSWORD, or asked for."),
    ] = False,
    purpose: Purpose = "access",
    as_json: AsJson = False,
) -> None:
    """Write everything that is here about a person as JSON; `read` opens an encrypted one."""
    with opened(store, purpose=purpose) as db:
        told = db.export(person, out, password=password(confirm=True) if encrypt else None)
    counts = {kind: len(told[kind]) for kind in ("items", "statements", "reads")}
    if as_json:
        tell_json({"file": str(out), **counts, "encrypted": encrypt})
        return
    shown = ", ".join(f"{count:,} {kind}" for kind, count in counts.items())
    typer.echo(f"{out}: {shown}{', encrypted' if encrypt else ''}")


def read(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `export` wrote.")],
    out: Annotated[Path | None, typer.Option(help="JSON file to write; shown, as JSON, if left out.")] = None,
) -> None:
    """Open an encrypted export."""
    from populace.memory.sealing import is_sealed, read_export, write_export

    told = read_export(file, password() if is_sealed(file) else None)
    if out is None:
        tell_json(told)
        return
    write_export(out, told)
    typer.echo(f"{out}: written")


def explain(store: Where, person: Person, purpose: Purpose = "access", as_json: AsJson = False) -> None:
    """Say what is known of a person, from which items, by which model, and who read it."""
    with opened(store, purpose=purpose) as db:
        found = db.explain(person)
        if as_json:
            tell_json(found.told)
        else:
            typer.echo(str(found))


def audit(
    store: Where,
    person: Annotated[str | None, typer.Argument(metavar="PERSON", help="Only reads of theirs.")] = None,
    last: Annotated[int, typer.Option(min=1, help="Lines to show.")] = 50,
    out: Annotated[Path | None, typer.Option(help="Write all lines as .csv.", metavar="FILE")] = None,
    as_json: AsJson = False,
) -> None:
    """List who read whose data, what for, and when."""
    import polars as pl

    from populace.memory.auditing import audit_table

    with opened(store) as db:
        table = audit_table(db.store, person)
    if out is not None:
        from populace.memory.sealing import write_private

        write_private(out, table.write_csv().encode())
        typer.echo(f"{out}: {table.height:,} lines")
        return
    shown = table.tail(last).with_columns(pl.col("time").dt.strftime("%Y-%m-%d %H:%M:%S"))
    if as_json:
        tell_json(shown.to_dicts())
        return
    tabled(shown.columns, shown.iter_rows())
    if table.height > last:
        typer.echo(f"the last {last:,} of {table.height:,} lines; --last shows more, --out writes all")
