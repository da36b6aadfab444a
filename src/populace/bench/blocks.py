"""What `leave-one-out` leaves out: attributes that hang together, and what is then told of a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import polars as pl

from populace.bench.options import known, listed, switched
from populace.bench.task import Bench
from populace.errors import StudyError
from populace.personas.leaks import GROUPS, LEAKS
from populace.personas.schema import BASIC_VALUES, BIG_FIVE, COLUMNS, WRITTEN

__all__ = ["AGAIN", "BLOCKS", "FULL", "NOBODY", "WITHOUT", "Arm", "along", "arms_of", "left_out"]

BLOCKS: dict[str, tuple[str, ...]] = {
    "origin": (*GROUPS["origin"], *GROUPS["languages"]),
    "work": (*GROUPS["work"], "income", "veteran_status"),
    "family": GROUPS["family"],
    "health": (*GROUPS["difficulties"], "health_insurance"),
    "character": BIG_FIVE,
    "values": BASIC_VALUES,
    "opinions": GROUPS["views"],
    "texts": WRITTEN,
}
"""Attributes that hang together, so that one alone is guessed from the rest. All others stand alone."""

FULL, AGAIN, NOBODY, WITHOUT = "full", "again", "nobody", "without "
_SETTINGS = ("leave_out", "attributes")


def left_out(options: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Say what is left out, by name of the arm, in the order of the schema.

    Raises
    ------
    StudyError
        If a name is neither a block nor an attribute, or a setting is unknown.

    Examples
    --------
    >>> left_out({"leave_out": "age,family"})["age"]
    ('age',)
    >>> list(left_out({}))[:5]
    ['age', 'sex', 'origin', 'state', 'education']
    """
    known("leave-one-out", options, _SETTINGS)
    named = listed(options.get("leave_out") or ())
    for name in named:
        if name not in BLOCKS and name not in COLUMNS:
            fix = f"use an attribute, or one of {', '.join(BLOCKS)}"
            raise StudyError(f"leave-one-out cannot leave out {name!r}", fix=fix)
    block = {each: name for name, names in BLOCKS.items() for each in names}
    whole = dict.fromkeys(block.get(each, each) for each in COLUMNS)
    chosen = dict.fromkeys(named or whole)
    if switched("attributes", options.get("attributes", False)):
        chosen |= dict.fromkeys(COLUMNS)
    return {name: BLOCKS.get(name, (name,)) for name in chosen}


class Arm(NamedTuple):
    """What the target is told."""

    shown: Mapping[str, str | None]
    """Description by persona, None for none at all; who has nothing to leave out is missing."""
    sample: int = 0
    """Index of the sample: only `again` is a second one."""


def arms_of(bench: Bench, people: pl.Series) -> dict[str, Arm]:
    """Describe the people of a run in every arm.

    Parameters
    ----------
    people
        Those who are asked anything, by `persona_id`; nobody else is described.

    Returns
    -------
    Name of the arm -> what the target is told. A person is in an arm if an attribute left out there is
    known, and leaving it out changes the words.
    """
    near = replace(
        bench, personas=bench.personas.filter(pl.col("persona_id").is_in(people.unique().implode()))
    )
    full = near.profiles()
    arms = {FULL: Arm({**full}), AGAIN: Arm({**full}, 1), NOBODY: Arm(dict.fromkeys(full))}
    for name, names in left_out(bench.options).items():
        known_of = pl.any_horizontal(pl.col(names).is_not_null())
        less = near.profiles(leave_out=names)
        # Without any words left, nothing is told of a person: that is the plain question.
        shown = {
            who: less[who] or None
            for who in near.personas.filter(known_of)["persona_id"]
            if less[who] != full[who]
        }
        arms[WITHOUT + name] = Arm(shown)
    return arms


def along(arm: str) -> Sequence[str]:
    """List the attributes that are dropped or blurred with what an arm leaves out.

    Examples
    --------
    >>> along("without sex"), along("without family")
    (['household_type', 'fertility'], [])
    """
    name = arm.removeprefix(WITHOUT)
    names = BLOCKS.get(name, (name,))
    also = {other for each in names for other in LEAKS.get(each, {})} - set(names)
    return [each for each in COLUMNS if each in also]
