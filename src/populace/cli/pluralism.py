"""`populace pluralism`: score tables of ratings, votes and distributions. One file a command."""

from __future__ import annotations

import typer

from populace.cli.pluralism_distributional import distributional
from populace.cli.pluralism_overton import overton
from populace.cli.pluralism_steerable import steerable

app = typer.Typer(
    no_args_is_help=True, help="How well answers serve people who differ: scores of your tables."
)


@app.callback()
def _group() -> None:
    """Hold the commands together, however few there are."""


app.command("distributional")(distributional)


app.command("overton")(overton)


app.command("steerable")(steerable)
