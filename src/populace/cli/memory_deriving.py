"""`populace memory distill|induce|place|learn|choose`: what is derived of people, and who is like whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from populace.cli.memory_options import (
    AsJson,
    Purpose,
    Seed,
    Where,
    opened,
    progressing,
    tabled,
    tell_json,
)
from populace.cli.options import Settings, open_provider

if TYPE_CHECKING:
    from populace.memory.deriving import Derived

__all__ = ["choose", "distill", "induce", "learn", "place"]

_Model = Annotated[
    str | None,
    typer.Option(help="`embedded`, `openai:NAME`, ... or a study file; rules if left out.", metavar="MODEL"),
]
_People = Annotated[
    list[str] | None,
    typer.Option("--person", help="Only this person; may be given again.", metavar="ID"),
]
_Batch = Annotated[
    int, typer.Option(min=1, help="Items a model is told at a time; a statement goes with any of them.")
]


def distill(
    store: Where,
    model: _Model = None,
    settings: Settings = None,
    person: _People = None,
    batch: _Batch = 10,
    purpose: Purpose = "research",
    as_json: AsJson = False,
) -> None:
    """Say in statements what items show of people; of new items only. The same command goes on."""
    _derive("distill", store, model, settings, person, batch, purpose, as_json)


def induce(
    store: Where,
    model: _Model = None,
    settings: Settings = None,
    person: _People = None,
    batch: _Batch = 10,
    purpose: Purpose = "research",
    as_json: AsJson = False,
) -> None:
    """Conclude what is likely of people from items and statements. The same command goes on."""
    _derive("induce", store, model, settings, person, batch, purpose, as_json)


def _derive(
    what: str,
    store: str,
    model: str | None,
    settings: list[str] | None,
    people: list[str] | None,
    batch: int,
    purpose: str,
    as_json: bool,
) -> None:
    from populace.errors import ModelError

    provider = None if model is None else open_provider(model, settings)
    with opened(store, purpose=purpose) as db, progressing("people") as told:
        found: Derived = getattr(db, what)(provider, people=people, batch=batch, progress=told)
    if as_json:
        tell_json(found._asdict())
    else:
        typer.echo(
            f"{store_name(store)}: {found.statements:,} statements of {found.people:,} people, "
            f"{found.closed:,} closed by a contradiction"
        )
        if model is not None:
            typer.echo(f"{found.calls:,} calls, {found.unreadable:,} answers could not be read")
    if found.failed:
        raise ModelError(
            f"{found.failed:,} people are not done: a call failed, or something was deleted meanwhile",
            fix="run the same command again; what is done is kept",
        )


def store_name(store: str) -> str:
    """Name a store without its password."""
    from populace.databases import shown

    return shown(store)


def place(
    store: Where,
    way: Annotated[
        list[str] | None,
        typer.Option(help="answers, cache or demographics; may be given again.", metavar="WAY"),
    ] = None,
    purpose: Purpose = "research",
    as_json: AsJson = False,
) -> None:
    """Place people among each other, whom something changed about; of up to 2,000 retrieving does it."""
    told: Any = tuple(way or ("answers", "cache", "demographics"))
    with opened(store, purpose=purpose) as db:
        made, name = db.place(told), db.store.name
    if as_json:
        tell_json({"places": made})
    else:
        typer.echo(f"{name}: {made:,} places made")


def learn(store: Where, purpose: Purpose = "research", seed: Seed = 0, as_json: AsJson = False) -> None:
    """Fit where people stand by their shared answers, for `--way learned`."""
    with opened(store, purpose=purpose) as db:
        placed, name = db.learn(seed=seed), db.store.name
    if as_json:
        tell_json({"people": placed})
    else:
        typer.echo(f"{name}: {placed:,} people placed")


def choose(store: Where, purpose: Purpose = "research", seed: Seed = 0, as_json: AsJson = False) -> None:
    """Choose by cross-validation how much of how many others is told (`auto`); takes minutes."""
    with opened(store, purpose=purpose) as db:
        found = db.choose(seed=seed)
    if as_json:
        tell_json(found)
        return
    names = ("own items", "share of others", "neighbours", "found by", "gain of the best", "interval")
    rows = []
    for place_, each in enumerate(found):
        last = place_ == len(found) - 1
        size = f"more than {found[-2].items}" if last and len(found) > 1 else f"up to {each.items}"
        between = "none" if each.low is None or each.high is None else f"[{each.low:+.3f}, {each.high:+.3f}]"
        rows.append((size, each.share, each.neighbours, each.way or "-", f"{each.gain:+.3f}", between))
    tabled(names, rows)
    typer.echo(
        "gain: log score of an answer over own items alone; a share of 0: others did not help for sure"
    )
