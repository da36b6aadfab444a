"""What a model is told of a person: an always-on profile, and items chosen for the question, within a budget.

The budget counts tokens, and all that is told counts: the profile, what was induced, own and joined items. A
recipe says what of this is used; the ablations of the paper are recipes (`RECIPES`). Items are taken while
they fit, the joined share first set aside; an item that does not fit is left out and counted, never cut.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from populace.errors import DataError
from populace.memory.hits import estimated_tokens
from populace.templating import Templates

__all__ = ["RECIPES", "Briefing", "Known", "Recipe", "briefed"]

TEMPLATES = Templates("populace.memory.predicting")

Line = tuple[str, str]
"""What was responded to, and the response."""


@dataclass(frozen=True)
class Recipe:
    """What of a person is told.

    Attributes
    ----------
    own
        Own items: those most `similar` to the question first, the most `recent`, `all` without a budget, or
        `none`.
    share
        Of the budget that is left beside the profile, for neighbours' items; 0 for no JOIN.
    distilled, induced
        Whether facts, and what was concluded from them, are told.
    """

    own: Literal["similar", "recent", "all", "none"] = "similar"
    share: float = 0.25
    distilled: bool = True
    induced: bool = True


_FULL = Recipe()
RECIPES: dict[str, Recipe] = {
    "lm": _FULL,
    "lm, no join": replace(_FULL, share=0.0),
    "lm, no induced": replace(_FULL, induced=False),
    "lm, no distilled": replace(_FULL, distilled=False),
    "lm, recency": Recipe("recent", 0.0, distilled=False, induced=False),
    "lm, retrieval only": Recipe("similar", 0.0, distilled=False, induced=False),
    "lm, full history": Recipe("all", 0.0, distilled=False, induced=False),
    "lm, summary": Recipe("none", 0.0),
}
"""Name -> recipe: the paper's method, without each of its parts, and what it was compared with."""


@dataclass(frozen=True)
class Known:
    """What is known of a person when a question comes.

    Attributes
    ----------
    distilled, induced
        Statements.
    own
        What was responded to, and the response, the oldest first.
    near
        Likeness of each own item to the question; of equals the later first.
    joined
        Neighbours' items, the most like the question first.
    """

    distilled: tuple[str, ...] = ()
    induced: tuple[str, ...] = ()
    own: tuple[Line, ...] = ()
    near: tuple[float, ...] = ()
    joined: tuple[Line, ...] = ()


@dataclass(frozen=True)
class Briefing:
    """What a model is told, and what that took.

    Attributes
    ----------
    text
        The system message.
    tokens
        Of the text.
    own, joined
        Items told.
    left
        Items that did not fit.
    """

    text: str
    tokens: int
    own: int = 0
    joined: int = 0
    left: int = 0


def briefed(
    known: Known, recipe: Recipe, tokens: int, count: Callable[[str], int] = estimated_tokens
) -> Briefing:
    """Choose what is told.

    Parameters
    ----------
    known
        What there is to tell.
    recipe
        What of it is used.
    tokens
        Budget; of `own="all"` there is none.
    count
        Counts the tokens of a text.

    Raises
    ------
    DataError
        If the budget is below 1, or own items and their likeness differ in number.

    Examples
    --------
    >>> said = (("More trees?", "Yes"), ("Raise the tax?", "No"))
    >>> ann = Known(distilled=("Age: 40",), own=said, near=(0, 1))
    >>> print(briefed(ann, RECIPES["lm, retrieval only"], 60).text.splitlines()[-1])
    - Raise the tax? No
    """
    if tokens < 1:
        raise DataError(f"a budget of {tokens} tokens holds nothing", fix="give at least 1")
    if len(known.near) != len(known.own):
        raise DataError(f"{len(known.own)} own items have {len(known.near)} likenesses")
    budget = math.inf if recipe.own == "all" else float(tokens)
    parts = [TEMPLATES.render("whom")]
    for name, wanted in (("distilled", recipe.distilled), ("induced", recipe.induced)):
        lines = getattr(known, name) if wanted else ()
        kept, _ = _fitting(lines, name, budget - _size(parts, count), count)
        parts += _section(name, kept)
    order = list(range(len(known.own)))[::-1]
    if recipe.own == "similar":
        order.sort(key=lambda place: -known.near[place])
    mine = [_line(known.own[place]) for place in order] if recipe.own != "none" else []
    theirs = [_line(each) for each in known.joined] if recipe.share else []
    room = budget - _size(parts, count)
    shared, unshared = _fitting(theirs, "joined", room * recipe.share, count)
    own, left = _fitting(mine, "own", room - _size(_section("joined", shared), count), count)
    # In the order of time, as a history is read; what was chosen stays chosen.
    told = set(own)
    parts += _section("own", [line for line in map(_line, known.own) if line in told])
    parts += _section("joined", shared)
    text = "\n\n".join(parts)
    return Briefing(text, count(text), len(own), len(shared), left + unshared)


def _line(item: Line) -> str:
    return f"- {item[0]} {item[1]}".rstrip()


def _section(name: str, lines: Sequence[str]) -> list[str]:
    if not lines:
        return []
    listed = [line if line.startswith("- ") else f"- {line}" for line in lines]
    return [TEMPLATES.render(name, {"lines": "\n".join(listed)})]


def _size(parts: Sequence[str], count: Callable[[str], int]) -> int:
    return count("\n\n".join(parts)) + 1 if parts else 0


def _fitting(
    lines: Sequence[str], name: str, room: float, count: Callable[[str], int]
) -> tuple[list[str], int]:
    """Take lines in their order while they fit: those, and how many did not."""
    used, kept = float(count(TEMPLATES.render(name, {"lines": ""})) + 1), []
    for line in lines:
        size = count(f"- {line}\n" if not line.startswith("- ") else f"{line}\n")
        if used + size <= room:
            used += size
            kept.append(line)
    return kept, len(lines) - len(kept)
