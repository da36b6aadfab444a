"""The whole study drawn before the first rater comes: who takes part, seats, sequences, orders.

Everything follows from settings, material and the seed. Seats of a persona come in twos, the second the
mirror image of the first: over two raters every pair is shown either way once, and each rater
sees both ways equally often (one more of one way where the number of pairs is odd).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from populace.errors import StudyError
from populace.serve.judging.material import Material, SurveyItem
from populace.serve.judging.settings import Settings
from populace.streams import stream

__all__ = ["BACKWARD", "FORWARD", "Item", "Plan", "Seat", "draw_orders", "make_plan"]

FORWARD, BACKWARD = "forward", "backward"
"""Order of a task: `first` is shown as Answer 1, options as the file has them; or the other way round."""

_CHECK = (
    "Some people answer without reading. To show that you do, please choose the answer below that says so.",
    "This is an attention check. Please choose this answer.",
    "This is an attention check. Please do not choose this answer.",
)
_SURVEY_CHECK = "This question checks attention. Whatever you think, please choose “{}” below."
_SCALE = ("Strongly disagree", "Disagree", "Neither agree nor disagree", "Agree", "Strongly agree")


class Item(NamedTuple):
    """Something a rater answers."""

    kind: str
    """`pair`, `survey`, `pair check` or `survey check`."""
    persona_id: str | None
    prompt_id: str
    """Of the pair; the item's own id in the survey."""
    text: str
    options: tuple[str, ...]
    """The two answers, or the options."""
    expected: str | None = None
    """Of a check."""


class Seat(NamedTuple):
    """A place for one rater."""

    persona_id: str | None
    rank: int
    tasks: tuple[tuple[int, str], ...]
    """Index of the item and its order, in sequence."""


class Plan(NamedTuple):
    """Everything drawn."""

    items: list[Item]
    seats: list[Seat]


def make_plan(settings: Settings, material: Material) -> Plan:
    """Draw the study.

    Raises
    ------
    StudyError
        If there are fewer personas with enough pairs than the design wants.
    """
    items = [_survey(each) for each in material.survey]
    survey = list(range(len(items)))
    if not settings.judges_pairs:
        checks = _checks(items, "survey check", settings.checks)
        groups: list[tuple[str | None, list[int]]] = [(None, [])]
    else:
        groups = []
        for persona_id, pairs in _chosen(settings, material.pairs):
            start = len(items)
            items += [
                Item("pair", persona_id, p["prompt_id"], p["prompt"], (p["first"], p["second"]))
                for p in pairs
            ]
            groups.append((persona_id, list(range(start, len(items)))))
        checks = _checks(items, "pair check", settings.checks)
    seats = [
        seat for place, (who, own) in enumerate(groups)
        for seat in _seats(settings, place, who, survey, own, checks)
    ]  # fmt: skip
    return Plan(items, sorted(seats, key=lambda seat: seat.rank))


def draw_orders(seats: int, items: int, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Draw which seat sees which item backward, shape (seats, items), balanced both ways.

    Examples
    --------
    >>> orders = draw_orders(4, 10, np.random.default_rng(0))
    >>> orders.sum(axis=0).tolist(), orders.sum(axis=1).tolist()
    ([2, 2, 2, 2, 2, 2, 2, 2, 2, 2], [5, 5, 5, 5])
    """
    orders = np.zeros((seats, items), dtype=bool)
    for seat in range(0, seats, 2):
        half = items // 2 + int(items % 2 and rng.integers(2))
        orders[seat] = rng.permutation(np.arange(items) < half)
        if seat + 1 < seats:
            orders[seat + 1] = ~orders[seat]
    return orders


def _chosen(settings: Settings, pairs: pl.DataFrame) -> list[tuple[str, list[dict[str, str]]]]:
    """Draw who takes part, and which of their pairs."""
    wanted = settings.questions or 10
    exact = settings.questions is not None
    rng = stream(settings.seed, "serve.judging.people")
    by_persona = pairs.sort("persona_id", "prompt_id").partition_by("persona_id", maintain_order=True)
    able = [table for table in by_persona if table.height >= wanted or not exact]
    count = settings.people or len(able)
    if not able or len(able) < count:
        raise StudyError(
            f"{max(1, count):,} personas with {wanted} pairs are wanted, and {len(able):,} have them",
            fix="ask for fewer people or questions, or give more pairs",
        )
    chosen = [able[place] for place in sorted(rng.choice(len(able), count, replace=False).tolist())]
    found: list[tuple[str, list[dict[str, str]]]] = []
    for table in chosen:
        rows = rng.choice(table.height, min(wanted, table.height), replace=False)
        found.append((table[0, "persona_id"], [table.row(int(row), named=True) for row in rows]))
    return found


def _checks(items: list[Item], kind: str, count: int) -> list[int]:
    start = len(items)
    for number in range(count):
        if kind == "pair check":
            items.append(Item(kind, None, f"check-{number + 1}", _CHECK[0], _CHECK[1:], "first"))
        else:
            place = (1, 3, 0, 4)[number % 4]
            text = _SURVEY_CHECK.format(_SCALE[place])
            items.append(Item(kind, None, f"check-{number + 1}", text, _SCALE, str(place)))
    return list(range(start, len(items)))


def _seats(
    settings: Settings, place: int, who: str | None, survey: list[int], own: list[int], checks: list[int]
) -> list[Seat]:
    """Draw the seats of one persona, or of nobody."""
    rng = stream(settings.seed, "serve.judging.seats", place)
    count = settings.raters_each
    orders = draw_orders(count, len(own), rng)
    around = draw_orders(count, len(survey) + len(checks), rng)
    seats: list[Seat] = []
    for rank in range(count):
        asked = [(item, bool(around[rank, n])) for n, item in enumerate(survey)]
        judged = [(own[n], bool(orders[rank, n])) for n in rng.permutation(len(own))]
        probes = [(item, bool(around[rank, len(survey) + n])) for n, item in enumerate(checks)]
        # Checks stand where most of the work is, never first.
        if own:
            judged = _strewn(judged, probes, rng)
        else:
            asked = _strewn(asked, probes, rng)
        tasks = tuple((item, BACKWARD if back else FORWARD) for item, back in asked + judged)
        seats.append(Seat(who, rank, tasks))
    return seats


def _strewn(
    tasks: list[tuple[int, bool]], probes: list[tuple[int, bool]], rng: np.random.Generator
) -> list[tuple[int, bool]]:
    """Put a probe into each equal part of the tasks, never at the very start."""
    edges = np.linspace(1, max(1, len(tasks)), len(probes) + 1)
    woven = list(tasks)
    for number in reversed(range(len(probes))):
        low, high = int(edges[number]), max(int(edges[number]) + 1, int(edges[number + 1]))
        woven.insert(int(rng.integers(low, high)), probes[number])
    return woven


def _survey(item: SurveyItem) -> Item:
    return Item("survey", None, item.item_id, item.question, item.options)
