"""`populace bounds init`: a folder to begin with, of the examples that are shipped."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def init(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="To be made.")],
    law: Annotated[
        list[str] | None, typer.Option(help="Jurisdiction of the example laws; repeated.", metavar="EU|US")
    ] = None,
    organisation: Annotated[str, typer.Option(help="Whose example: health, newsroom or tutor.")] = "health",
) -> None:
    """Copy an example to begin with: laws, an organisation, duties, wishes. It is no legal advice."""
    from populace.bounds import Bounds
    from populace.bounds.policy.starting import start

    laws = [each.upper() for each in law or ["EU"]]
    start(folder, laws, organisation)
    bounds = Bounds.load(folder, audit=False)
    under = f"{organisation} under {', '.join(laws)}"
    typer.echo(f"{folder}: {len(bounds.rules)} rules of {under}; all of them are examples")
    typer.echo(f"next: populace bounds check {folder}")
    typer.echo(f"      populace bounds decide {folder} --user ana --clean --score cse=90")
