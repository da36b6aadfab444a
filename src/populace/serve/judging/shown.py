"""What passes between a page and the desk: who came, what is shown, what a choice on the page stands for."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from populace.serve.judging.plan import FORWARD

__all__ = ["Panel", "Sent", "Task", "View", "meant", "place_of", "values_of"]


class Panel(NamedTuple):
    """What a panel says about somebody in the link."""

    external: str
    study: str | None = None
    session: str | None = None


class Task(NamedTuple):
    """One item as this rater is shown it."""

    item_id: int
    kind: str
    place: int
    """From 1."""
    text: str
    options: tuple[tuple[str, str], ...]
    """What the form sends (the place on the page, from 1) and the text, as shown."""
    order: str
    """Not for the page."""
    form: str
    revision: int
    said: str | None
    """What they chose before, as a place on the page, where they change an answer."""
    reason: str

    @property
    def is_pair(self) -> bool:
        """Whether two answers are judged, as a persona."""
        return self.kind.startswith("pair")


class View(NamedTuple):
    """What a rater is to see."""

    state: str
    """`task`, `done`, `full` (there is no place), or `unknown` (never agreed, or withdrew)."""
    task: Task | None = None
    persona: str | None = None
    answered: int = 0
    total: int = 0


class Sent(NamedTuple):
    """What became of a form."""

    outcome: str
    """`stored`, `again` (it was stored before), `unknown`, or `refused`."""
    problem: str = ""
    """What to tell the rater where it was refused."""


def values_of(kind: str, options: list[str]) -> list[str]:
    """Give what can be said of an item, in the order of its options."""
    return ["first", "second"] if kind.startswith("pair") else [str(n) for n in range(len(options))]


def meant(item: Any, order: str, choice: str) -> str:
    """Give what a place on the page stands for; what is no place stays as it is."""
    values = values_of(item.kind, json.loads(item.options))
    if order != FORWARD:
        values.reverse()
    places = {str(n): value for n, value in enumerate(values, start=1)}
    return places.get(choice, choice if choice in ("", "tie", "unsure") else "?")


def place_of(task: Any, said: str) -> str:
    """Give the place on the page of what was said."""
    values = values_of(task.kind, json.loads(task.options))
    if task.order != FORWARD:
        values.reverse()
    return str(values.index(said) + 1) if said in values else said
