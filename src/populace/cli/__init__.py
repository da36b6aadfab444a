"""The command line: one file a command group, each thin over the room it belongs to.

A user's mistake ends in one line on standard error and exit code 2; an interrupted run says how to go on
and ends with 130.
"""

from __future__ import annotations

import sys
from typing import Any

import typer
from typer.core import TyperGroup

from populace.cli import (
    batch,
    bench,
    bounds,
    feedback,
    judge,
    memory,
    opinions,
    personas,
    pluralism,
    population,
    portfolio,
    prompts,
    study,
)
from populace.errors import PopulaceError

__all__ = ["app", "main"]


class _Commands(TyperGroup):
    """Says how to go on after an interrupt, which Typer would end without a word."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            print("stopped; run the same command again to go on where it left off", file=sys.stderr)
            raise typer.Exit(130) from None


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A testbed and toolkit for pluralistic alignment of language models.",
)
app.add_typer(study.app, name="study")
app.add_typer(batch.app, name="batch")
app.add_typer(population.app, name="population")
app.add_typer(personas.app, name="personas")
app.add_typer(prompts.app, name="prompts")
app.add_typer(feedback.app, name="feedback")
app.add_typer(opinions.app, name="opinions")
app.add_typer(bench.app, name="bench")
app.add_typer(pluralism.app, name="pluralism")
app.add_typer(portfolio.app, name="portfolio")
app.add_typer(memory.app, name="memory")
app.add_typer(bounds.app, name="bounds")
app.add_typer(judge.app, name="judge")


def main() -> None:
    """Run the command line and end the process with its exit code."""
    try:
        app()
    except PopulaceError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        print(f"error: {error.filename or 'file'}: {error.strerror or error}.", file=sys.stderr)
        sys.exit(2)
