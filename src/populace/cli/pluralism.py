"""`populace pluralism`: score tables of ratings, votes and distributions. One file a command."""

from __future__ import annotations

import typer

from populace.cli.pluralism_distributional import distributional
from populace.cli.pluralism_front import front
from populace.cli.pluralism_jury import jury
from populace.cli.pluralism_map import opinion_map
from populace.cli.pluralism_overton import overton
from populace.cli.pluralism_slate import slate
from populace.cli.pluralism_steerable import steerable
from populace.cli.pluralism_trade_off import trade_off

app = typer.Typer(
    no_args_is_help=True, help="How well answers serve people who differ: scores of your tables."
)


@app.callback()
def _group() -> None:
    """Hold the commands together, however few there are."""


app.command("distributional")(distributional)


app.command("overton")(overton)


app.command("steerable")(steerable)


app.command("map")(opinion_map)


app.command("slate")(slate)


app.command("front")(front)


app.command("trade-off")(trade_off)


app.command("jury")(jury)
