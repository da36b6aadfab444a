"""`populace study`: plan, run and report a study file."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Plan, run and report a study.")

StudyFile = Annotated[Path, typer.Argument(metavar="STUDY.toml", help="The study file.")]
Folder = Annotated[
    Path | None, typer.Option(help="Where the study lives; studies/NAME here if left out.", metavar="FOLDER")
]


class EngineName(StrEnum):
    """Engines that carry out a run."""

    local = "local"
    ray = "ray"


@app.command()
def plan(study: StudyFile, folder: Folder = None) -> None:
    """Print calls, tokens, dollars and time before anything is spent."""
    from rich.console import Console

    from populace.study import Study

    Console().print(Study.load(study, folder).plan().table())


@app.command()
def run(
    study: StudyFile,
    folder: Folder = None,
    budget: Annotated[
        str | None,
        typer.Option(help="Stop before more is spent: '$25' or '2e6 tokens'. Goes before the study file's."),
    ] = None,
    retry_errors: Annotated[
        bool, typer.Option("--retry-errors", help="Ask again also what failed by its own fault.")
    ] = False,
    engine: Annotated[
        EngineName, typer.Option(help="local: this process; ray: the workers of a Ray cluster.")
    ] = EngineName.local,
    ray_address: Annotated[
        str | None, typer.Option(help="Address of the Ray cluster; one on this machine if left out.")
    ] = None,
) -> None:
    """Run a study, or go on where it stopped."""
    from populace.study import Study
    from populace.study.settings import read_budget

    loaded = Study.load(study, folder)
    limit = None if budget is None else read_budget(budget)
    failures = loaded.run(
        budget=limit, retry_errors=retry_errors, engine=engine.value, ray_address=ray_address
    )
    if failures:
        counts = ", ".join(f"{count:,} {boundary}" for boundary, count in failures.items())
        typer.echo(
            f"{sum(failures.values()):,} calls failed for good ({counts}). The same command asks again what "
            "may pass; with --retry-errors, all of them.",
            err=True,
        )
    typer.echo(f"tables: {loaded.folder}")


@app.command()
def report(study: StudyFile, folder: Folder = None) -> None:
    """Write the report of a finished run and print where it is."""
    from populace.study import Study

    typer.echo(f"report: {Study.load(study, folder).report()}")
