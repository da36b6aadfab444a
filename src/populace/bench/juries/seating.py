"""Who sits on the jury, and what the target is asked to write."""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

from populace.bench.options import known, listed, whole_numbers
from populace.bench.task import Bench
from populace.errors import StudyError
from populace.personas.schema import COLUMNS
from populace.streams import stream

__all__ = ["STYLES", "Seats", "seated"]

STYLES = {
    "plain": "Answer the question directly, in a few plain sentences.",
    "everyone": "People who disagree about this will all read your answer. Answer in a few plain sentences,"
    " so that as many of them as possible find it acceptable.",
    "sides": "Tell in a few plain sentences what the main views on this are and why people hold them, without"
    " taking a side.",
    "middle": "Answer in a few plain sentences with a compromise between the main views on this.",
}
"""Arm -> what the target is told about how to answer."""
_JURORS = 12


class Seats(NamedTuple):
    """A jury and its questions: everybody rates every answer."""

    people: pl.DataFrame
    prompts: pl.DataFrame
    arms: tuple[str, ...]
    group: str


def seated(bench: Bench) -> Seats:
    """Draw a jury and as many questions as the items allow.

    Options: `jurors` (12, or as many as there are people or items), `arms` (all of `STYLES`), `group`
    (`ideology`).

    Raises
    ------
    StudyError
        If an option means nothing, or there are too few people, questions or items.
    """
    known("jury", bench.options, ["jurors", "arms", "group"])
    given = bench.options.get("jurors")
    numbers = (
        whole_numbers("jurors", given)
        if given is not None
        else [min(_JURORS, bench.personas.height, bench.items)]
    )
    if len(numbers) != 1:
        raise StudyError(f"jurors is {given!r}", fix="give one number")
    jurors = numbers[0]
    if jurors < 2 or jurors > bench.personas.height:
        raise StudyError(
            f"a jury of {jurors} cannot be made of {bench.personas.height} people", fix="give 2 or more"
        )
    arms = tuple(dict.fromkeys(listed(bench.options.get("arms", list(STYLES)))))
    if unknown := [arm for arm in arms if arm not in STYLES]:
        raise StudyError(f"there is no arm {unknown[0]!r}", fix=f"use some of {', '.join(STYLES)}")
    if len(arms) < 2:
        raise StudyError("a jury chooses between two answers or more", fix="name two arms")
    group = str(bench.options.get("group", "ideology"))
    if group not in COLUMNS:
        raise StudyError(f"people have no attribute {group!r}", fix="name one of `populace personas schema`")
    count = min(bench.items // jurors, bench.prompts.height)
    if not count:
        raise StudyError(
            f"{bench.items} items are fewer than {jurors} jurors", fix="ask for more --items, or fewer jurors"
        )
    rng = stream(bench.seed, "bench.jury")
    who = rng.permutation(bench.personas.height)[:jurors]
    what = rng.permutation(bench.prompts.height)[:count]
    return Seats(bench.personas[who.tolist()], bench.prompts[what.tolist()], arms, group)
