"""`populace bench figures`: the figures of finished runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["figures"]


def figures(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN ...", help="Folders of finished runs of one task.")
    ],
    out: Annotated[Path, typer.Option(help="Folder to write into.", metavar="FOLDER")],
    width: Annotated[
        int, typer.Option(min=280, max=1200, help="Of a figure, in pixels; a phone has 340.")
    ] = 680,
) -> None:
    """Draw the figures of runs as SVG and PNG: those of the task, and a leaderboard of several runs."""
    from populace.bench import TaskResult, read_items
    from populace.errors import StudyError
    from populace.report.figures.of_runs import figures_of, write_figures

    read = {str(run): (TaskResult.load(run / "result.json"), read_items(run)) for run in runs}
    board = None
    if len(runs) > 1:
        from populace.bench.compare import compare, read_runs

        try:
            board = compare(read_runs(runs))
        except StudyError as error:
            typer.echo(f"no leaderboard: {error}", err=True)
    names = [Path(run).resolve().name for run in read]
    if len(set(names)) == len(names):
        read = dict(zip(names, read.values(), strict=True))
    for path in write_figures(figures_of(read, board), out, width):
        typer.echo(str(path))
