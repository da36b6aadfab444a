"""`populace study`: plan, run and report a study file."""

from __future__ import annotations

import signal
from collections.abc import Generator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Plan, run and report a study.")

StudyFile = Annotated[Path, typer.Argument(metavar="STUDY.toml", help="The study file.")]
Folder = Annotated[
    Path | None, typer.Option(help="Where the study lives; studies/NAME here if left out.", metavar="FOLDER")
]

BudgetText = Annotated[
    str | None,
    typer.Option(
        "--budget", help="Stop before more is spent: '$25' or '2e6 tokens'. Goes before the study file's."
    ),
]
RetryErrors = Annotated[
    bool, typer.Option("--retry-errors", help="Ask again also what failed by its own fault.")
]

_PASSING = ("connection", "rate limit", "timeout", "overload", "server", "answer")
"""Boundaries of failures that may pass (`populace.models.records.Boundary`)."""


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
    budget: BudgetText = None,
    retry_errors: RetryErrors = False,
    engine: Annotated[
        EngineName, typer.Option(help="local: this process; ray: the workers of a Ray cluster.")
    ] = EngineName.local,
    ray_address: Annotated[
        str | None, typer.Option(help="Address of the Ray cluster; one on this machine if left out.")
    ] = None,
) -> None:
    """Run a study, or go on where it stopped."""
    import polars as pl

    from populace.study import Study
    from populace.study.settings import read_budget

    loaded = Study.load(study, folder)
    limit = None if budget is None else read_budget(budget)
    with _stopped_alike():
        failures = loaded.run(
            budget=limit, retry_errors=retry_errors, engine=engine.value, ray_address=ray_address
        )
    if failures:
        _tell_failures(failures)
        pairs = pl.scan_parquet(loaded.folder / "pairs.parquet").select(pl.len()).collect().item()
        wanted = loaded.settings.wanted_pairs
        typer.echo(f"{pairs:,} of {wanted:,} pairs finished", err=True)
    typer.echo(f"tables: {loaded.folder}")


def _tell_failures(failures: dict[str, int]) -> None:
    for passing, what in (
        (True, "failed and may pass ({}): the same command asks again"),
        (False, "failed by their own fault ({}): asked again only with --retry-errors"),
    ):
        some = {name: count for name, count in failures.items() if (name in _PASSING) == passing}
        if some:
            counts = ", ".join(f"{count:,} {name}" for name, count in some.items())
            calls = "1 call" if sum(some.values()) == 1 else f"{sum(some.values()):,} calls"
            typer.echo(f"{calls} {what.format(counts)}", err=True)


@contextmanager
def _stopped_alike() -> Generator[None]:
    """Have SIGTERM (Slurm, Kubernetes, `kill`) stop a run as Ctrl-C does: calls in flight may land."""

    def stop(number: int, frame: FrameType | None) -> None:
        on_interrupt = signal.getsignal(signal.SIGINT)  # asyncio's own, while calls are made
        if not callable(on_interrupt):  # SIGINT is ignored: a job in the background
            raise KeyboardInterrupt
        on_interrupt(number, frame)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@app.command()
def report(study: StudyFile, folder: Folder = None) -> None:
    """Write the report of a finished run and print where it is."""
    from populace.study import Study

    typer.echo(f"report: {Study.load(study, folder).report()}")
