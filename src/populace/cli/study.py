"""`populace study`: plan, run and report a study file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Plan, run and report a study.")

StudyFile = Annotated[Path, typer.Argument(metavar="STUDY.toml", help="The study file.")]
Folder = Annotated[
    Path | None, typer.Option(help="Where the study lives; studies/NAME here if left out.", metavar="FOLDER")
]


@app.command()
def plan(study: StudyFile, folder: Folder = None) -> None:
    """Print calls, tokens, dollars and time before anything is spent."""
    from rich.console import Console

    from populace.study import Study

    Console().print(Study.load(study, folder).plan().table())


@app.command()
def run(study: StudyFile, folder: Folder = None) -> None:
    """Run a study, or go on where it stopped."""
    from populace.study import Study

    loaded = Study.load(study, folder)
    loaded.run()
    typer.echo(f"tables: {loaded.folder}")


@app.command()
def report(study: StudyFile, folder: Folder = None) -> None:
    """Write the report of a finished run and print where it is."""
    from populace.study import Study

    typer.echo(f"report: {Study.load(study, folder).report()}")
