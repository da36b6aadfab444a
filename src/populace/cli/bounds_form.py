"""`populace bounds form`: the page on which a person chooses."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def form(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of bounds.")],
    out: Annotated[Path, typer.Option(help="HTML file to write.", metavar="FILE")] = Path("form.html"),
    user: Annotated[
        str | None, typer.Option(help="Whose form; begins with what they chose before.", metavar="ID")
    ] = None,
    organisation: Annotated[
        str | None, typer.Option(help="Whose rules bind; the deployment's own by default.", metavar="NAME")
    ] = None,
    minor: Annotated[bool, typer.Option("--minor", help="For somebody under 18.")] = False,
) -> None:
    """Write the page on which a person chooses; it shows what is not possible, and why, and writes tier 3."""
    import msgspec

    from populace.atomic import write_atomic
    from populace.bounds import Bounds
    from populace.bounds.forms import form_page
    from populace.bounds.policy.forms import Form

    bounds = Bounds.load(folder, audit=False)
    given = bounds.forms.get(user, Form(user)) if user else Form()
    if minor:
        given = msgspec.structs.replace(given, minor=True)
    write_atomic(out, form_page(bounds, given, organisation=organisation).encode())
    typer.echo(f"{out}: written; what it saves goes to {folder / 'tier3'}")
