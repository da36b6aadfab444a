"""The scorers that need no language model, by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from populace.errors import DataError
from populace.traits.brevity import BREVITY
from populace.traits.offensiveness import OFFENSIVENESS
from populace.traits.politeness import POLITENESS
from populace.traits.readability import READABILITY
from populace.traits.scorer import Scorer, reverse
from populace.traits.sentiment import SENTIMENT

__all__ = ["scorer", "scorers"]

_SHELF: Mapping[str, Scorer] = MappingProxyType(
    {each.name: each for each in (BREVITY, READABILITY, SENTIMENT, POLITENESS, OFFENSIVENESS)}
)


def scorers() -> dict[str, Scorer]:
    """Give the scorers by name, in a dictionary of your own.

    Examples
    --------
    >>> for each in scorers().values():
    ...     print(f"{each.name}: {each.low:g} to {each.high:g}; more is {each.larger}")
    brevity: 0 to 1; more is fewer words
    readability: 0 to 100; more is shorter sentences and words
    sentiment: -1 to 1; more is more positive words
    politeness: -1 to 1; more is more of the ways in which people are polite
    offensiveness: 0 to 1; more is more surely offensive
    """
    return dict(_SHELF)


def scorer(name: str) -> Scorer:
    """Give one scorer; with a minus before its name, turned round.

    Raises
    ------
    DataError
        If there is no such scorer.

    Examples
    --------
    >>> scorer("brevity").score(["Yes.", "word " * 100]).round(3).tolist()
    [0.993, 0.5]
    >>> scorer("-brevity").score(["word " * 100]).tolist()
    [-0.5]
    """
    wanted = name.removeprefix("-")
    if wanted not in _SHELF:
        raise DataError(f"there is no trait {wanted!r}", fix=f"use one of {', '.join(_SHELF)}")
    return reverse(_SHELF[wanted]) if name.startswith("-") else _SHELF[wanted]
