"""`populace bounds diff` and `preview`: what a change of policies or of a form allows and forbids."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def diff(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="Folder of bounds.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="Another version of it.")],
    fail_if_wider: Annotated[
        bool,
        typer.Option("--fail-if-wider", help="Exit code 1 if anything is allowed that was not, or may be."),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead.")] = False,
) -> None:
    """Say in plain language what became forbidden or allowed, for whom, and by whom."""
    from populace.bounds.policy.differences import differences
    from populace.cli.bounds import load, show_json

    found = differences(load(old), load(new))
    if json:
        show_json(found)
    else:
        typer.echo(str(found))
    raise typer.Exit(1 if fail_if_wider and found.widens else 0)


def preview(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of bounds.")],
    form: Annotated[Path, typer.Argument(metavar="FORM", help="A user's form, as it would be (TOML).")],
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead.")] = False,
) -> None:
    """Say what a user's form would allow and forbid, compared with the one they have."""
    from populace.bounds.policy.forms import read_form
    from populace.cli.bounds import load, show_json

    found = load(folder).preview(read_form(form))
    if json:
        show_json(found)
    else:
        typer.echo(str(found))
