"""Free text of a persona, drawn from lists written for this project and chosen to fit the person.

An entry says whom it fits: an age range, flags the person must have (`needs`) and flags they must not
(`avoid`). What the texts of one person say must agree too (`clash`): whoever is known for being early does
not arrive out of breath. The lists are drawn in order, each given those before it, and every entry that
fits is equally likely. No flag is about race, Hispanic origin or sex, and those of religion only keep apart
what a religion itself decides (whose service one attends).
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from importlib import resources

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from populace.personas.drawing import MIN_AGE, Entry, Pool
from populace.personas.flags import FLAGS, flagged
from populace.personas.schema import BASIC_VALUES, BIG_FIVE, WRITTEN

__all__ = [
    "FLAGS",
    "MIN_AGE",
    "OPPOSED",
    "Entry",
    "clash",
    "draw_text",
    "draw_texts",
    "entries",
    "flagged",
    "pool",
]


OPPOSED = (
    ("early", "late"),
    ("early_riser", "late_riser"),
    ("screens", "few_screens"),
    ("on_the_phone", "phone_off"),
    ("newcomer", "rooted"),
    ("drives", "rides_the_bus"),
    ("active", "sedentary"),
    ("tidy", "messy"),
    ("talkative", "terse"),
    ("hurried", "slow"),
    ("thrifty", "spends"),
    ("keeps_things", "few_things"),
    ("good_memory", "forgetful"),
    ("deadpan", "laughs_early"),
    ("planner", "unplanned"),
    ("company", "quiet"),
)
"""Pairs of what texts may say (`Entry.says`) that no one person is both of."""
_OPPOSITE = {**dict(OPPOSED), **{two: one for one, two in OPPOSED}}


@functools.cache
def _said(entry: Entry) -> frozenset[str]:
    """What an entry says: its own words for it, and the end of a trait or value that it is for."""
    # An entry that avoids those low in a trait is one for the high: "always taking some class".
    for_high = {flag[4:] for flag in entry.avoid if flag[:4] == "low_" and flag[4:] in _SCORED}
    for_low = {flag[5:] for flag in entry.avoid if flag[:5] == "high_" and flag[5:] in _SCORED}
    needed = {flag for flag in entry.needs if flag.partition("_")[2] in _SCORED}
    return frozenset({*entry.says, *needed, *(f"high_{each}" for each in for_high)}) | {
        f"low_{each}" for each in for_low
    }


_SCORED = frozenset((*BIG_FIVE, *BASIC_VALUES))


def clash(one: Entry, other: Entry) -> bool:
    """Whether two texts say opposite things of a person.

    They do if what they say is opposed in `OPPOSED`, or one is for people high in a trait or value and the
    other for people low in it: somebody average may be given either, but not both.

    Examples
    --------
    >>> clash(Entry("being early", says=("early",)), Entry("being late", says=("late",)))
    True
    >>> clash(Entry("asking why", avoid=("low_openness",)), Entry("the old ways", avoid=("high_openness",)))
    True
    """
    mine, theirs = _said(one), _said(other)
    return any(_opposite(each) in theirs for each in mine)


def _opposite(said: str) -> str:
    if said in _OPPOSITE:
        return _OPPOSITE[said]
    end, _, name = said.partition("_")
    return f"{'low' if end == 'high' else 'high'}_{name}"


@functools.cache
def _together(attribute: str, other: str) -> npt.NDArray[np.uint64]:
    """Entries of one list that may stand beside each entry of another."""
    return pool(attribute).together(pool(other), clash)


@functools.cache
def _places(attribute: str) -> dict[str, int]:
    return {entry.text: place for place, entry in enumerate(entries(attribute))}


@functools.cache
def entries(attribute: str) -> tuple[Entry, ...]:
    """Load the list of one free-text attribute.

    Examples
    --------
    >>> len(entries("defining_quirks")) >= 60
    True
    """
    source = resources.files("populace.personas").joinpath("data", f"{attribute}.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(source)["entries"], tuple[Entry, ...])


@functools.cache
def pool(attribute: str) -> Pool:
    """Give the list of one free-text attribute, ready for drawing."""
    return Pool(entries(attribute))


def draw_text(frame: pl.DataFrame, attribute: str, rng: np.random.Generator) -> pl.Series:
    """Draw one fitting text a row, uniformly; null where the age is missing or nothing fits.

    Parameters
    ----------
    frame
        Every attribute as a column.
    attribute
        Name of a list.
    rng
        One uniform number a row is taken from it, whether used or not.

    Examples
    --------
    >>> from populace.personas.frames import complete
    >>> draw_text(complete(pl.DataFrame({"age": [3]})), "lifestyle", np.random.default_rng(0)).to_list()
    [None]
    """
    return draw_texts(frame, {attribute: rng})[0]


def draw_texts(frame: pl.DataFrame, generators: Mapping[str, np.random.Generator]) -> list[pl.Series]:
    """Do the same for several lists, one after the other: each text agrees with those before it.

    A text that a person already has counts as drawn before all others, and is drawn anyway, for the caller
    to leave aside.

    Parameters
    ----------
    frame
        Every attribute as a column.
    generators
        Name of a list -> its generator, one uniform number a row.
    """
    names = tuple(sorted({flag for each in generators for flag in pool(each).flags}))
    flags = flagged(frame, names)
    ages = frame["age"].fill_null(-1).to_numpy()
    drawn = []
    held = {each: _held(frame[each], each) for each in WRITTEN if frame[each].null_count() < frame.height}
    for name, rng in generators.items():
        ready = pool(name)
        mine = flags[:, [names.index(flag) for flag in ready.flags]]
        beside = [(_together(name, other), places) for other, places in held.items() if other != name]
        places = ready.draw(ages, mine, rng.random(frame.height), beside=beside)
        own = held.get(name)
        held[name] = places if own is None else np.where(frame[name].is_null(), places, own)
        chosen = pl.Series(places)
        texts = pl.Series([entry.text for entry in ready.entries])
        drawn.append(texts.gather(chosen.set(chosen < 0, None)).alias(name))
    return drawn


def _held(texts: pl.Series, attribute: str) -> npt.NDArray[np.int32]:
    """Places of the texts that people have already; -1 for none and for those of no list."""
    places = texts.replace_strict(_places(attribute), default=-1, return_dtype=pl.Int32)
    return places.fill_null(-1).to_numpy()
